import { Supervisor } from '../../base/supervisor.ts'
import type { UpstreamCall } from '../../upstream/target.ts'
import { fail } from './driver.ts'
import type { Exchange } from './exchange.ts'

const waits = new Supervisor('upstream-retries')

/**
 * The call of an exchange that waits before its next attempt. `abort` prevents the attempt: every end of the exchange,
 * such as the disconnect of the client or the deadline, calls it.
 */
export class WaitingRetry implements UpstreamCall {
  readonly reads = 0
  readonly #cancel: () => void

  /** @param attempt  makes the next attempt */
  constructor(x: Exchange, waitMs: number, attempt: () => void) {
    this.#cancel = waits.after(waitMs, () => {
      try {
        attempt()
      } catch (error) {
        fail(x, error)
      }
    })
  }

  abort(): void {
    this.#cancel()
  }

  resume(): void {}

  allowSilence(): void {}

  discard(): void {}
}

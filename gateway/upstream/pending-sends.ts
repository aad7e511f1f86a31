import { GatewayFault } from '../base/fault.ts'
import type { Http1Call } from './http1-call.ts'

/** Connection that sends the request of a call, if the call has not ended meanwhile. */
interface Sender {
  send(call: Http1Call): void
}

/**
 * Requests that are sent at the end of the current poll phase of the event loop. At that time, the body of a small upload
 * has arrived behind its head, and needs no stream. The requests of one phase are sent one after the other, so that the
 * kernel wakes the service once and not for each of them. A request waits for the phase only: not at all on an idle node,
 * about 2 ms on a saturated one.
 */
class PendingSends {
  /**
   * Connections with the calls whose requests wait to be sent, alternating.
   *
   * @bound calls: `max_calls` of the service | the request is refused | gatehouse_upstream_connections
   */
  #waiting: (Sender | Http1Call)[] = []
  readonly #flush = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    for (let i = 0; i < waiting.length; i += 2) {
      const [sender, call] = [waiting[i] as Sender, waiting[i + 1] as Http1Call]
      try {
        sender.send(call)
      } catch (error) {
        call.fail(new GatewayFault('node-fault', 'node', `sending the request failed: ${error}`, { cause: error }))
      }
    }
  }

  add(sender: Sender, call: Http1Call): void {
    if (this.#waiting.push(sender, call) === 2) setImmediate(this.#flush)
  }
}

export const pendingSends = new PendingSends()

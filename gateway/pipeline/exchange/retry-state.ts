import type { RetryCause } from '../../upstream/retry-rules.ts'
import type { UpstreamTarget } from '../../upstream/target.ts'
import type { KeptBody } from './kept-body.ts'

/** An attempt to forward a request, after which the request was sent again. */
interface FailedAttempt {
  /** Time at which the attempt to forward the request failed, monotonic, ms. */
  readonly at: number
  readonly cause: RetryCause
  /** Upstream of the attempt. */
  readonly origin: string
  readonly peer: string | undefined
}

/** State of an exchange for further attempts. Created only for a kept body or after a failure. */
export class RetryState {
  /** Upstreams on which an attempt failed. @bound request */
  readonly tried: UpstreamTarget[] = []
  /** Attempts to forward the request that were followed by another one, for the trace. @bound request */
  readonly list: FailedAttempt[] = []
  /** True when the request was sent again with a newer credential, after the service replied 401. */
  isCredentialReplaced = false
  /** The request body, kept for further attempts; `undefined` when it is not kept. */
  body: KeptBody | undefined

  /** @param at  monotonic, ms */
  add(at: number, cause: RetryCause, { origin, peer }: UpstreamTarget): void {
    this.list.push({ at, cause, origin, peer })
  }

  /** Frees the kept body. Must be called when no further attempt can follow. */
  close(): void {
    this.body?.release()
    this.body = undefined
  }
}

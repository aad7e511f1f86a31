import type { RetryCause } from '../../upstream/retry-rules.ts'
import type { UpstreamTarget } from '../../upstream/target.ts'

/** An attempt to forward a request, after which the request was sent again. */
interface FailedAttempt {
  /** Time of the failure, monotonic, ms. */
  readonly at: number
  readonly cause: RetryCause
  readonly origin: string
}

/** The failed attempts of one exchange. Created with the first failure, because most exchanges have none. */
export class FailedAttempts {
  /** Upstreams on which an attempt failed. @bound request */
  readonly tried: UpstreamTarget[] = []
  /** Attempts that were followed by another one, for the trace. @bound request */
  readonly list: FailedAttempt[] = []
  /** True when the request was sent again with a newer credential, after the service replied 401. */
  isCredentialReplaced = false

  /** @param at  monotonic, ms */
  add(at: number, cause: RetryCause, { origin }: UpstreamTarget): void {
    this.list.push({ at, cause, origin })
  }
}

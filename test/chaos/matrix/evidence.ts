/** One request of the load and its result. Times are Unix times in ms. */
export interface LoadExchange {
  /** Subject of the test: the first segment of its path, or `revoked` or `expired`. */
  readonly kind: string
  readonly node: string
  readonly subject: string
  readonly startedMs: number
  readonly endedMs: number
  /** Status of the reply; 0 without a reply. */
  readonly status: number
  /** Code of the problem document; empty for other replies. */
  readonly code: string
  /** Time at which the request reached the service, as its reply states; `undefined` without such a reply. */
  readonly servedMs: number | undefined
  /** Why the request must not be admitted; `undefined` for a request that may be. */
  readonly forbidden: string | undefined
}

/** A message that a stream relayed although its credential had ended. */
export interface ForbiddenMessage {
  readonly node: string
  readonly what: string
}

/** Observations of the load during one row. */
export class Evidence {
  readonly exchanges: LoadExchange[] = []
  readonly forbiddenMessages: ForbiddenMessage[] = []
  readonly lostSessions: string[] = []
  readonly receipts = { complete: 0, partial: 0, none: 0 }
  messages = 0
  streamsOpened = 0

  /** Number of replies by status, and by code for problem documents; `no reply` for broken connections. */
  outcomes(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { status, code } of this.exchanges) {
      const name = status === 0 ? 'no reply' : `${status}${code === '' ? '' : ` ${code}`}`
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    return counts
  }
}

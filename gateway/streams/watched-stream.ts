import type { Denial } from '../base/denial.ts'
import type { RevocationMemo } from '../oauth/token-facts.ts'
import type { StreamKind, StreamSelector, StreamView } from './stream-view.ts'

/** A transfer that outlives the decision that admitted it, and the means to hold and to end it. */
export interface WatchedStream {
  /** Kind of the stream at present. An upload becomes a stream of another kind when its reply begins. */
  readonly kind: StreamKind
  /** Receives the entry of the stream, before the first check. */
  watchedBy(watch: StreamWatch): void
  /**
   * Lookups of the credentials in the revocation replica: of the token, and of the login session. Empty for a stream
   * without a credential. `reconsider` fills their hashes, and may replace the list.
   */
  readonly lookups: readonly RevocationMemo[]
  /**
   * Checks by clocks that it reads now whether the stream is still allowed. Synchronous. A denial with status 503 means
   * that the gate cannot know: the stream is then held.
   */
  reconsider(): Denial | undefined
  /** Longest time for which the stream is held, ms; `undefined`: the default of the registry. */
  readonly holdMs: number | undefined
  /** Relays nothing in either direction until `release`. Bytes that arrive meanwhile are kept in order. */
  hold(): void
  /** Relays the bytes that arrived during `hold`, and continues to relay. */
  release(): void
  /** Ends the stream for good. Called at most once. */
  end(denial: Denial): void
  /** Ends the stream because the check itself failed. */
  fail(fault: unknown): void
  /** The stream now, as operators see it. */
  view(): StreamView
  isSelected(selector: StreamSelector): boolean
}

/** An exchange that may have become a stream. */
export interface StreamCandidate {
  /** @returns `undefined` if there is nothing to watch: the transfer is complete, or already watched */
  startStream(): WatchedStream | undefined
}

/** The entry of a stream in the registry, as the stream uses it. */
export interface StreamWatch {
  /**
   * Whether the stream may relay something now. Call it for each message or chunk before it is relayed, in either
   * direction. Holds, releases or ends the stream as necessary. Allocates nothing while the stream is allowed.
   */
  mayRelay(): boolean
  /** Removes the stream from the registry when it ended by itself. */
  close(): void
}

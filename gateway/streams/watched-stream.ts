import type { Denial } from '../base/denial.ts'
import type { RevocationMemo } from '../oauth/token-facts.ts'
import type { StreamKind, StreamSelector, StreamView } from './stream-view.ts'

/**
 * A transfer that continues after the decision that admitted it: a reply, an upload or a WebSocket. The registry
 * checks, pauses and ends it by these methods.
 */
export interface WatchedStream {
  /** Current kind of the stream. An upload becomes a stream of another kind when its reply begins. */
  readonly kind: StreamKind
  /** Gives the stream its entry in the registry, before the first check. */
  watchedBy(watch: StreamWatch): void
  /**
   * Lookups of the credentials in the revocation replica: of the token, and of the login session. Empty for a stream
   * without a credential. `reconsider` fills their hashes, and may replace the list.
   */
  readonly lookups: readonly RevocationMemo[]
  /**
   * Checks whether the stream is still allowed, with clocks that are read at the call. Synchronous. A denial with
   * status 503 means that the gate cannot decide now: the stream is then held (paused).
   */
  reconsider(): Denial | undefined
  /** Maximum time for which the stream is held (paused), ms; `undefined`: the default of the registry. */
  readonly holdMs: number | undefined
  /**
   * Pauses the stream: nothing is relayed in either direction until `release`. Bytes that arrive during the pause are
   * kept in order.
   */
  hold(): void
  /** Ends the pause: relays the bytes that arrived since `hold`, and continues to relay. */
  release(): void
  /** Ends the stream because a check refused it. Called at most once. */
  end(denial: Denial): void
  /** Ends the stream because the check itself failed. */
  fail(fault: unknown): void
  /** Returns the current state of the stream for operators. */
  view(): StreamView
  isSelected(selector: StreamSelector): boolean
}

/** An exchange that may have become a stream. */
export interface StreamCandidate {
  /**
   * Starts to relay the transfer as a stream.
   *
   * @returns `undefined` when the transfer is complete, or is already a stream
   */
  startStream(): WatchedStream | undefined
}

/** Entry of a stream in the registry, as the stream uses it. */
export interface StreamWatch {
  /**
   * Whether the stream may relay something now. Call it for each message or chunk before it is relayed, in either
   * direction. May also pause, resume or end the stream. Allocates nothing while the stream is allowed.
   */
  mayRelay(): boolean
  /** Removes the stream from the registry when it ended by itself. */
  close(): void
}

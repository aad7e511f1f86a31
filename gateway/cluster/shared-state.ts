/**
 * State that every node replicates. Events change the state in the same order on every node. Redis also stores the
 * state outside the event log, because the log keeps events only for a limited time.
 */
export interface SharedState {
  /** Kinds of events that change this state. */
  readonly kinds: readonly string[]
  /** Applies one event synchronously. When it returns, the node already uses the change, and then acknowledges it. */
  apply(kind: string, payload: Buffer): void
  /**
   * Reads all data of this state from Redis, and writes the data that Redis lacks. Never drops local data, because
   * Redis may have lost its latest writes. Changes written meanwhile also arrive through the log, so applying a change
   * twice must be harmless.
   */
  catchUp(): Promise<void>
}

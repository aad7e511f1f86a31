/**
 * State that every node of the cluster replicates. Events change the state in the same order on every node. Redis also
 * stores the state outside the event log, because the log keeps events only for a limited time.
 */
export interface SharedState {
  /** Kinds of cluster events that change this state. */
  readonly kinds: readonly string[]
  /**
   * Applies one event synchronously. When the method returns, all later decisions use the change. The node acknowledges
   * the event after the return, or if the method returns a promise, after the promise has resolved. The promise must
   * not reject.
   */
  apply(kind: string, payload: Buffer): Promise<void> | undefined | void
  /**
   * Reads all data of this state from Redis, and writes the data that Redis lacks. The method never drops local data,
   * because Redis may have lost its latest writes. Changes written in the meantime also arrive through the event log,
   * so applying a change twice must be harmless.
   */
  catchUp(): Promise<void>
}

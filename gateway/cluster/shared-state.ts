/**
 * State that every node keeps a replica of. It changes by events, in the same order everywhere; what is older than the
 * log is kept elsewhere in Redis too.
 */
export interface SharedState {
  /** Kinds of events that belong to it. */
  readonly kinds: readonly string[]
  /** Applies one event at once: when it returns, the node already answers by it, and says so to whoever waits. */
  apply(kind: string, payload: Buffer): void
  /**
   * Takes in all that Redis holds, and puts back what Redis lacks. Never drops anything: a Redis that lost its tail must
   * not make a node forget. What is written meanwhile comes by the log, so seeing it twice must be harmless.
   */
  catchUp(): Promise<void>
}

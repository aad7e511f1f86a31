/**
 * Applies a change that was prepared: the second half of a change in two steps.
 *
 * Preparing does everything that may fail, and changes nothing that is in use; a change that is not committed is dropped
 * without a trace. A commit must not throw: others of the same change may be applied already.
 */
export type Commit = () => void

/** One commit that applies all of these, in order. Made after the last preparation, so that a failed one applies none. */
export function commitAll(commits: readonly Commit[]): Commit {
  return () => {
    for (const commit of commits) commit()
  }
}

/**
 * Activates a prepared change: the second step of a two-step change.
 *
 * The first step, the preparation, does everything that can fail and changes nothing in use. A prepared change that is
 * not committed has no effect. A commit must not throw: other commits of the same change may already have been applied.
 */
export type Commit = () => void

/**
 * Combines the commits of several prepared changes into one commit that applies all of them in order. Commits run after
 * the last preparation, so that a failed preparation leaves everything unchanged.
 */
export function commitAll(commits: readonly Commit[]): Commit {
  return () => {
    for (const commit of commits) commit()
  }
}

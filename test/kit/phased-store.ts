import { RevisionStore, type SealedPolicy } from '../../gateway/revisions/revision-store.ts'

/** Step of a change of the policy. */
export type ChangePhase = 'before-votes' | 'before-activation' | 'after-activation'

/** Store of revisions that runs a function between two steps of a change, once. */
export class PhasedStore extends RevisionStore {
  readonly at = new Map<ChangePhase, () => void>()

  override propose(id: string, revision: string) {
    this.#reach('before-votes')
    return super.propose(id, revision)
  }

  override async activate(sealed: SealedPolicy, expected: string) {
    this.#reach('before-activation')
    const written = await super.activate(sealed, expected)
    this.#reach('after-activation')
    return written
  }

  #reach(phase: ChangePhase): void {
    const act = this.at.get(phase)
    this.at.delete(phase)
    act?.()
  }
}

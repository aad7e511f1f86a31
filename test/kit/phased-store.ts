import { RevisionStore } from '../../gateway/revisions/revision-store.ts'

/** Step of a change of the policy. */
export type ChangePhase = 'before-votes' | 'before-activation' | 'after-activation'

/** Store of revisions that runs a function between two steps of a change, once. */
export class PhasedStore extends RevisionStore {
  readonly at = new Map<ChangePhase, () => unknown>()

  override async propose(id: string, revision: string) {
    await this.#reach('before-votes')
    return super.propose(id, revision)
  }

  override async activate(...change: Parameters<RevisionStore['activate']>) {
    await this.#reach('before-activation')
    const written = await super.activate(...change)
    await this.#reach('after-activation')
    return written
  }

  async #reach(phase: ChangePhase): Promise<void> {
    const act = this.at.get(phase)
    this.at.delete(phase)
    await act?.()
  }
}

import { Supervisor } from '../base/supervisor.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import { ConfigError } from '../config/problem.ts'
import type { ActivePolicy } from './active-policy.ts'
import type { Envelopes } from './envelope.ts'
import { readRevision } from './revision.ts'
import { CANDIDATE_EVENT, type RevisionStore } from './revision-store.ts'
import { printVote, type Vote } from './vote.ts'

export interface VoterDependencies {
  readonly node: string
  readonly store: RevisionStore
  readonly envelopes: Envelopes
  readonly policy: Pick<ActivePolicy, 'tryCandidate'>
}

/** Votes on candidates for the policy of the cluster: yes when this node could enforce the candidate. */
export class Voter implements SharedState {
  readonly kinds = [CANDIDATE_EVENT]
  readonly #dependencies: VoterDependencies
  readonly #task = new Supervisor('policy-vote')

  constructor(dependencies: VoterDependencies) {
    this.#dependencies = dependencies
  }

  /** Votes in the background: acknowledgements of other events do not wait for the compiler. */
  apply(_kind: string, payload: Buffer): void {
    const id = payload.toString()
    void this.#task.attempt(async () => {
      const { store, node } = this.#dependencies
      const text = await store.candidate(id)
      if (text !== undefined) await store.vote(id, node, printVote(this.#voteOn(text)))
    })
  }

  /** Candidates of the time before this node joined have no use for its vote. */
  async catchUp(): Promise<void> {}

  #voteOn(text: string): Vote {
    const { envelopes, policy } = this.#dependencies
    const opened = envelopes.open('candidate', text)
    if ('fault' in opened) {
      const why = opened.fault === 'forged' ? 'is not authentic' : 'was authenticated by a key that this node lacks'
      return { ok: false, problems: [{ message: `the candidate ${why}` }] }
    }
    const revision = readRevision(opened.body)
    if (revision === undefined) return { ok: false, problems: [{ message: 'a newer version wrote the candidate' }] }
    try {
      policy.tryCandidate(revision.files)
      return { ok: true }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return { ok: false, problems: error.problems }
    }
  }
}

import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Supervisor } from '../base/supervisor.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import { ConfigError } from '../config/problem.ts'
import type { ActivePolicy } from './active-policy.ts'
import { type Candidate, readCandidate } from './candidate.ts'
import type { Envelopes } from './envelope.ts'
import { CANDIDATE_EVENT, type RevisionStore } from './revision-store.ts'
import { sealVote, type VoteProblem } from './vote.ts'

/**
 * Maximum number of proposed policies that wait for the vote of this node. Above it, the oldest proposal gets no vote.
 */
const WAITING_MAX = 32
/** Maximum number of proposal ids that this node remembers, so that it votes only once on each proposal. */
const REMEMBERED_MAX = 1000

export interface VoterDependencies {
  readonly node: string
  readonly store: RevisionStore
  readonly envelopes: Envelopes
  readonly policy: Pick<ActivePolicy, 'tryCandidate' | 'held' | 'failed'>
}

/**
 * Votes on proposed policies of the cluster (candidates). The vote is yes when this node could enforce the policy. Each
 * candidate is compiled once, because a process that can write to Redis can repeat events. Candidates are compiled one
 * at a time, the newest first.
 */
export class Voter implements SharedState {
  readonly kinds = [CANDIDATE_EVENT]
  readonly #dependencies: VoterDependencies
  readonly #task = new Supervisor('policy-vote')
  /**
   * Ids of candidates (proposed policies) that this node has already received. Such a candidate gets no second vote.
   *
   * @bound {@link REMEMBERED_MAX} candidates | the oldest is forgotten | none
   */
  readonly #known = new Set<string>()
  /**
   * Ids of candidates (proposed policies) that wait until the node compiles them for its vote, newest last.
   *
   * @bound {@link WAITING_MAX} candidates | the oldest gets no vote | none
   */
  readonly #waiting: string[] = []
  #isVoting = false

  constructor(dependencies: VoterDependencies) {
    this.#dependencies = dependencies
  }

  /** Starts the vote in the background, so that acknowledgements of other events do not wait for the compiler. */
  apply(_kind: string, payload: Buffer): void {
    const id = payload.toString()
    if (this.#known.has(id)) return
    this.#known.add(id)
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete(this.#known.values().next().value!)
    this.#waiting.push(id)
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift()
    if (!this.#isVoting) void this.#task.attempt(() => this.#voteOnAll())
  }

  /** Does nothing when the node joins: candidates that were proposed before this node joined do not need its vote. */
  async catchUp(): Promise<void> {}

  async #voteOnAll(): Promise<void> {
    this.#isVoting = true
    for (let id = this.#waiting.pop(); id !== undefined; id = this.#waiting.pop()) {
      const wanted = id
      await this.#task.attempt(() => this.#vote(wanted))
    }
    this.#isVoting = false
  }

  async #vote(id: string): Promise<void> {
    const { store, node, envelopes, policy } = this.#dependencies
    const text = await store.candidate(id)
    if (text === undefined) return
    const begunAt = performance.now()
    const problems = this.#problemsOf(id, text)
    const tookMs = performance.now() - begunAt
    const sequence = Math.max(policy.held.activation.sequence, policy.failed?.activation.sequence ?? 0)
    await store.vote(id, node, sealVote(envelopes, { candidate: id, node, sequence, problems }))
    // Pause after each candidate for as long as its compilation took, so that requests get at least half of the time of
    // the event loop.
    await sleep(tookMs)
  }

  #problemsOf(id: string, text: string): readonly VoteProblem[] {
    const { envelopes } = this.#dependencies
    const opened = envelopes.open('candidate', text)
    if ('fault' in opened) {
      const why = opened.fault === 'forged' ? 'is not authentic' : 'was authenticated by a key that this node lacks'
      return [{ message: `the proposed policy ${why}` }]
    }
    const candidate = readCandidate(opened.body)
    if (candidate === undefined) return [{ message: 'a newer version of Gatehouse wrote the proposed policy' }]
    return candidate.id === id ? this.#objectionsTo(candidate) : [{ message: 'the proposed policy is not authentic' }]
  }

  #objectionsTo({ follows, revision }: Candidate): readonly VoteProblem[] {
    const { policy } = this.#dependencies
    const { sequence } = policy.held.activation
    if (sequence > follows) {
      return [
        {
          message: `Redis lost activation ${sequence}, which this node still enforces. The node writes it back; try again then`,
        },
      ]
    }
    try {
      policy.tryCandidate(revision.files)
      return []
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return error.problems
    }
  }
}

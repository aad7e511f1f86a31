import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { positionMs } from '../cluster/position.ts'
import { type Candidate, printCandidate } from './candidate.ts'
import type { Envelopes } from './envelope.ts'
import { CANDIDATE_EVENT, type RevisionStore } from './revision-store.ts'
import { type Objection, openVote, type VoteProblem } from './vote.ts'

/** Maximum wait for the votes of the members on a proposed policy, ms. */
const VOTES_MS = 5000
/** Time between two reads of the members' votes from Redis, ms. */
const LOOK_AGAIN_MS = 25
/** Latest time that a JavaScript `Date` can contain, ms since the epoch. */
const LATEST_MS = 8.64e15

export interface CollectVotesDependencies {
  readonly store: RevisionStore
  readonly envelopes: Envelopes
  readonly cluster: { list(): Promise<readonly { readonly id: string }[]> }
}

/** Result of a vote of the members on a proposed policy. */
export interface CollectedVotes {
  /** Members that did not vote yes on the proposed policy, each with the reason. */
  readonly objections: readonly Objection[]
  /** Number of the newest activation that any member knows. */
  readonly sequence: number
  /** Time of the vote on the proposed policy by the Redis clock (RFC 3339). */
  readonly time: string
}

/** Asks every member whether it could enforce a revision. @throws {RedisFault} as a rejection */
export async function collectVotes(
  { store, envelopes, cluster }: CollectVotesDependencies,
  proposed: Omit<Candidate, 'id'>,
): Promise<CollectedVotes> {
  const id = randomUUID()
  const candidate = envelopes.seal('candidate', printCandidate({ id, ...proposed }))
  const { members, position } = await store.propose(id, candidate)
  const time = new Date(Math.min(positionMs(position), LATEST_MS)).toISOString()
  const deadline = performance.now() + VOTES_MS
  for (;;) {
    const [votes, listed] = await Promise.all([store.votes(id), cluster.list()])
    const living = new Set(listed.map((each) => each.id))
    const open: Objection[] = []
    const refused: Objection[] = []
    let sequence = proposed.follows
    for (const { id: node, eventKinds } of members) {
      const text = votes.get(node)
      const vote = text === undefined ? undefined : openVote(envelopes, text, { candidate: id, node })
      sequence = Math.max(sequence, vote?.sequence ?? 0)
      if (!eventKinds.includes(CANDIDATE_EVENT)) refused.push({ node, problems: [foreignMember] })
      else if (!living.has(node)) continue
      else if (vote === undefined) open.push({ node, problems: [text === undefined ? silentMember : forgedVote] })
      else if (vote.problems.length > 0) refused.push({ node, problems: vote.problems })
    }
    if (open.length === 0 || performance.now() >= deadline) {
      const objections = [...refused, ...open].sort((a, b) => (a.node < b.node ? -1 : 1))
      return { objections, sequence, time }
    }
    await sleep(LOOK_AGAIN_MS)
  }
}

const foreignMember: VoteProblem = {
  message: 'the node does not follow the policy of the cluster: its policy.source is file, or its version is older',
}
const silentMember: VoteProblem = { message: `the node did not vote within ${VOTES_MS / 1000} s` }
const forgedVote: VoteProblem = {
  message: 'the vote of the node is not authentic, or was authenticated by a key that this node lacks',
}

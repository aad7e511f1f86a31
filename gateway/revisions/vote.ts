import { z } from 'zod'
import type { Problem } from '../config/problem.ts'
import type { Envelopes } from './envelope.ts'

/** A problem with a proposed policy on one node. Place, code and hint are absent if they are unknown. */
export type VoteProblem = Pick<Problem, 'message'> & Partial<Problem>

/** A node that did not vote yes on a proposed policy, and its reasons. */
export interface Objection {
  readonly node: string
  readonly problems: readonly VoteProblem[]
}

/** Vote of a node on a proposed policy (candidate). */
export interface Vote {
  /** Id of the proposed policy (candidate) on which the node votes. */
  readonly candidate: string
  readonly node: string
  /** Number of the newest activation that the node knows, even if the node could not apply it. */
  readonly sequence: number
  /** Problems of the node with the candidate. An empty list is a yes. */
  readonly problems: readonly VoteProblem[]
}

const text = z.string().optional()
const number = z.number().optional()

const shape = z.object({
  candidate: z.string(),
  node: z.string(),
  sequence: z.int().min(1),
  problems: z.array(
    z.object({ message: z.string(), code: text, path: text, file: text, line: number, column: number, hint: text }),
  ),
})

/** Makes the envelope of a vote. The MAC binds the vote to the candidate and to the node. */
export function sealVote(envelopes: Envelopes, vote: Vote): string {
  return envelopes.seal('vote', JSON.stringify(vote))
}

/**
 * Opens a vote from Redis; `undefined` when the vote is not authentic, or is from another node or on another candidate.
 */
export function openVote(
  envelopes: Envelopes,
  envelope: string,
  { candidate, node }: Pick<Vote, 'candidate' | 'node'>,
): Vote | undefined {
  const opened = envelopes.open('vote', envelope)
  if ('fault' in opened) return undefined
  const vote = shape.safeParse(JSON.parse(opened.body)).data as Vote | undefined
  return vote?.candidate === candidate && vote.node === node ? vote : undefined
}

import { z } from 'zod'
import type { Problem } from '../config/problem.ts'

/** A problem with a candidate on one node. Place, code and hint are absent where they are not known. */
export type VoteProblem = Pick<Problem, 'message'> & Partial<Problem>

/** Vote of a node on a candidate. */
export type Vote = { readonly ok: true } | { readonly ok: false; readonly problems: readonly VoteProblem[] }

/** A node that did not vote yes, and why. */
export interface Objection {
  readonly node: string
  readonly problems: readonly VoteProblem[]
}

const text = z.string().optional()
const number = z.number().optional()

const shape = z.union([
  z.object({ ok: z.literal(true) }),
  z.object({
    ok: z.literal(false),
    problems: z.array(
      z.object({ message: z.string(), code: text, path: text, file: text, line: number, column: number, hint: text }),
    ),
  }),
])

export function printVote(vote: Vote): string {
  return JSON.stringify(vote)
}

/** Parses a vote from Redis; `undefined` when it is malformed. */
export function readVote(json: string): Vote | undefined {
  try {
    return shape.safeParse(JSON.parse(json)).data as Vote | undefined
  } catch {
    return undefined
  }
}

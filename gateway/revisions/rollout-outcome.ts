import { z } from 'zod'
import type { Envelopes } from './envelope.ts'
import type { Activation, Canary } from './revision.ts'

const outcomeBody = z.strictObject({
  outcome: z.enum(['promoted', 'withdrawn', 'undecided', 'aborted']),
  /** Text with the cause of the rollout's outcome, with the route and its figures. */
  why: z.string(),
  /** Number of the revision that was tried; `base`: number of the revision that was active. */
  number: z.int(),
  base: z.int(),
  /** Number of the activation with which the rollout began. */
  sequence: z.int(),
  /** Caller that began the rollout; `by`: caller or node that ended it. */
  author: z.string(),
  by: z.string(),
  started: z.string(),
  ended: z.string(),
})

/** Record of a rollout that has ended: how it ended, and why. */
export type RolloutOutcome = Readonly<z.output<typeof outcomeBody>>

/** The outcome of a rollout, its cause, and the caller or node that ends it. */
export type RolloutEnd = Pick<RolloutOutcome, 'outcome' | 'why' | 'by' | 'ended'>

/** Builds the record of a rollout that ends. @param began  activation with which the rollout began */
export function outcomeOf(began: Activation, canary: Canary, end: RolloutEnd): RolloutOutcome {
  const { number: base, sequence, author } = began
  const { number, started } = canary
  const { outcome, why, by, ended } = end
  return { outcome, why, by, number, base, sequence, author, started, ended }
}

/** Maximum length of the text of the cause of a rollout's outcome, characters. */
const WHY_MAX = 4000

export function sealOutcome(envelopes: Envelopes, outcome: RolloutOutcome): string {
  return envelopes.seal('rollout-outcome', JSON.stringify({ ...outcome, why: outcome.why.slice(0, WHY_MAX) }))
}

/**
 * Opens the outcome of a rollout; `undefined` when the outcome is missing or not authentic, or a newer version wrote
 * it.
 */
export function openOutcome(envelopes: Envelopes, text: string): RolloutOutcome | undefined {
  const opened = envelopes.open('rollout-outcome', text)
  return 'fault' in opened ? undefined : outcomeBody.safeParse(JSON.parse(opened.body)).data
}

import { type Reason, reasons } from '../../base/reasons.ts'
import type { StateTone } from '../parts/state.tsx'

export const reasonNames = Object.keys(reasons)

/** Tone of a decision: refusals by the policy are expected, failures are not. */
export function toneOf(decision: string | null | undefined): StateTone {
  switch (decision) {
    case 'admitted':
    case 'answered':
      return 'good'
    case 'refused':
      return 'warn'
    case 'failed':
    case 'broken':
      return 'bad'
    default:
      return 'plain'
  }
}

/** Sentence about a reason; `undefined` for a reason that this version does not know. */
export function whyOf(reason: string): string | undefined {
  return Object.hasOwn(reasons, reason) ? reasons[reason as Reason].why : undefined
}

import { GatewayFault } from '../../gateway/base/fault.ts'
import type { Reason } from '../../gateway/base/reasons.ts'
import { endReasons } from '../../gateway/pipeline/exchange/end-reasons.ts'
import type { Step, Verdict } from '../../gateway/pipeline/exchange/steps.ts'
import { uploadReasons } from '../../gateway/pipeline/exchange/stream-authority.ts'

type Outcomes = Pick<Step, 'name' | 'denies' | 'answers' | 'throws'>

/** Describes a verdict whose reason the phase does not list; `undefined` if the phase lists it. */
export function undeclaredVerdict({ name, denies, answers }: Outcomes, verdict: Verdict): string | undefined {
  if (verdict === undefined) return undefined
  const [list, listed] = 'answer' in verdict ? (['answers', answers] as const) : (['denies', denies] as const)
  return listed.includes(verdict.reason) ? undefined : undeclared(name, list, verdict.reason)
}

/**
 * Describes a fault whose reason the phase does not list. Other errors, and faults of the node itself (`node-fault`),
 * need no entry in the list: the result is `undefined`.
 */
export function undeclaredFault({ name, throws }: Outcomes, error: unknown): string | undefined {
  if (!(error instanceof GatewayFault) || error.reason === 'node-fault') return undefined
  return throws.includes(error.reason) ? undefined : undeclared(name, 'throws', error.reason)
}

/** Describes the reason of a forwarded exchange that neither `forward` nor `endReasons` lists. */
export function undeclaredEnd({ name, denies, answers, throws }: Outcomes, reason: Reason): string | undefined {
  const listed: readonly Reason[] = [...denies, ...answers, ...throws, ...endReasons, ...uploadReasons]
  return listed.includes(reason) ? undefined : undeclared(name, 'denies, answers, throws or endReasons', reason)
}

/** Start of each log line by which a node of the tests reports a reason that a phase does not list. */
export const undeclaredMark = 'undeclared reason:'

function undeclared(phase: string, list: string, reason: Reason): string {
  return `${undeclaredMark} phase ${phase} ended an exchange with ${reason}, which its ${list} must list`
}

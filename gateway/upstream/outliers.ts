import type { BalancedTarget } from './balanced-target.ts'
import { type CallCounts, WINDOW_PARTS } from './call-window.ts'
import type { EjectionRules } from './ejection-rules.ts'

/** Minimum number of recent calls of an upstream, and of the other upstreams together, for a comparison. */
const CALLS_MIN = 20
/** Minimum difference between the latency of an outlier and the median latency of the others, ms. */
const SLOWER_MIN_MS = 25
/**
 * Minimum difference between two shares of errors, in standard errors. The upstreams of many services are compared
 * every second, so a difference that is likely to occur by chance must not eject an upstream.
 */
const STANDARD_ERRORS = 4

/**
 * Numbers of newest parts of the window that are compared, one after the other: with few parts a new fault is noticed
 * early, with all parts a fault of an upstream with few calls.
 */
const COMPARED_PARTS = [2, WINDOW_PARTS]

interface Compared {
  readonly member: BalancedTarget
  readonly counts: CallCounts
}

type Comparison = (compared: readonly Compared[], rules: EjectionRules) => BalancedTarget | undefined

/**
 * Finds the upstream with the highest share of errors. Returns it if its share is too high compared with the other
 * upstreams.
 */
export function erring(members: readonly BalancedTarget[], rules: EjectionRules): BalancedTarget | undefined {
  return found(members, rules, erringOf)
}

/**
 * Finds the slowest upstream. Returns it if its latency is too high compared with the median of the other upstreams.
 */
export function slow(members: readonly BalancedTarget[], rules: EjectionRules): BalancedTarget | undefined {
  return rules.slower === Number.POSITIVE_INFINITY ? undefined : found(members, rules, slowOf)
}

function found(
  members: readonly BalancedTarget[],
  rules: EjectionRules,
  comparison: Comparison,
): BalancedTarget | undefined {
  for (const parts of COMPARED_PARTS) {
    const compared = members.map((member) => ({ member, counts: member.target.health.window.newest(parts) }))
    const outlier = comparison(compared, rules)
    if (outlier !== undefined) return outlier
  }
  return undefined
}

function erringOf(compared: readonly Compared[], { errorRate }: EjectionRules): BalancedTarget | undefined {
  let calls = 0
  let errors = 0
  let worst: Compared | undefined
  let worstRate = 0
  for (const each of compared) {
    const { counts } = each
    calls += counts.calls
    errors += counts.errors
    const rate = counts.calls < CALLS_MIN ? 0 : counts.errors / counts.calls
    if (rate <= worstRate) continue
    worst = each
    worstRate = rate
  }
  if (worst === undefined || worstRate < errorRate) return undefined
  const own = worst.counts
  const otherCalls = calls - own.calls
  if (otherCalls < CALLS_MIN) return undefined
  const otherRate = (errors - own.errors) / otherCalls
  const pooled = errors / calls
  const standardError = Math.sqrt(pooled * (1 - pooled) * (1 / own.calls + 1 / otherCalls))
  const isOutlier = otherRate <= worstRate / 2 && worstRate - otherRate > STANDARD_ERRORS * standardError
  return isOutlier ? worst.member : undefined
}

function slowOf(compared: readonly Compared[], { slower }: EjectionRules): BalancedTarget | undefined {
  const measured = compared.filter(({ counts }) => counts.timed >= CALLS_MIN)
  if (measured.length < 2) return undefined
  const sorted = measured.toSorted((a, b) => a.counts.latencyMs - b.counts.latencyMs)
  const slowest = sorted.pop()!
  const median = sorted[Math.floor(sorted.length / 2)]!.counts.latencyMs
  const own = slowest.counts.latencyMs
  return own >= median * slower && own - median >= SLOWER_MIN_MS ? slowest.member : undefined
}

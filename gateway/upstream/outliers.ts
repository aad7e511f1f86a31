import type { BalancedTarget } from './balanced-target.ts'
import type { EjectionRules } from './ejection-rules.ts'

/** Smallest number of recent calls of an upstream, and of the others together, for a comparison. */
const CALLS_MIN = 20
/** Smallest difference between the latency of an outlier and the median of the others, ms. */
const SLOWER_MIN_MS = 25
/**
 * Smallest difference between two shares of errors, in standard errors. The upstreams of many services are compared
 * every second, so a difference that is likely to occur by chance must not eject an upstream.
 */
const STANDARD_ERRORS = 4

/** Returns the upstream with the highest share of errors, if its share is too high compared with the others. */
export function erring(members: readonly BalancedTarget[], { errorRate }: EjectionRules): BalancedTarget | undefined {
  let calls = 0
  let errors = 0
  let worst: BalancedTarget | undefined
  let worstRate = 0
  for (const member of members) {
    const { window } = member.target.health
    calls += window.calls
    errors += window.errors
    const rate = window.calls < CALLS_MIN ? 0 : window.errors / window.calls
    if (rate <= worstRate) continue
    worst = member
    worstRate = rate
  }
  if (worst === undefined || worstRate < errorRate) return undefined
  const own = worst.target.health.window
  const otherCalls = calls - own.calls
  if (otherCalls < CALLS_MIN) return undefined
  const otherRate = (errors - own.errors) / otherCalls
  const pooled = errors / calls
  const standardError = Math.sqrt(pooled * (1 - pooled) * (1 / own.calls + 1 / otherCalls))
  const isOutlier = otherRate <= worstRate / 2 && worstRate - otherRate > STANDARD_ERRORS * standardError
  return isOutlier ? worst : undefined
}

/** Returns the slowest upstream, if it replies too late compared with the median of the others. */
export function slow(members: readonly BalancedTarget[], { slower }: EjectionRules): BalancedTarget | undefined {
  if (slower === Number.POSITIVE_INFINITY) return undefined
  const measured = members.filter(({ target }) => target.health.window.timed >= CALLS_MIN)
  if (measured.length < 2) return undefined
  const sorted = measured.toSorted((a, b) => latencyOf(a) - latencyOf(b))
  const slowest = sorted.pop()!
  const median = latencyOf(sorted[Math.floor(sorted.length / 2)]!)
  const own = latencyOf(slowest)
  return own >= median * slower && own - median >= SLOWER_MIN_MS ? slowest : undefined
}

function latencyOf({ target }: BalancedTarget): number {
  return target.health.window.latencyMs
}

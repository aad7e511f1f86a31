import type { LimitRule } from '../base/limit-rule.ts'
import type { Snapshot } from './snapshot.ts'

/**
 * Yields all rate limits of a policy, including shadow limits. A limit that several routes share is yielded once for
 * each route.
 */
export function* limitRules({ routes }: Snapshot): Generator<LimitRule> {
  for (const { limits } of routes) {
    if (limits !== undefined) yield* [...limits.rules, ...limits.shadows]
  }
}

import type { LimitRule } from '../base/limit-rule.ts'
import type { Snapshot } from './snapshot.ts'

/** All rate limits of a policy, shadow limits included. A limit that several routes share is listed for each of them. */
export function* limitRules({ routes }: Snapshot): Generator<LimitRule> {
  for (const { limits } of routes) {
    if (limits !== undefined) yield* [...limits.rules, ...limits.shadows]
  }
}

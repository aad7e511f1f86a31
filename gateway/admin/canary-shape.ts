import { z } from 'zod'
import type { CanaryOrder } from '../revisions/canary-order.ts'

const percent = z.number().min(0).max(100)

/** Schema of the member `canary` of a request body: the new policy is first tried by some nodes. */
export const canaryBody = z
  .strictObject({
    percent: z
      .number()
      .gt(0)
      .lt(100)
      .describe('Share of the nodes that try the policy, percent: rounded up, at least one node, never all.'),
    for_s: z.int().min(1).max(86_400).describe('Duration of the comparison, s; at most a day.'),
    max_faults_percent: percent.describe(
      'Largest accepted difference of the share of faults (5xx) of a route, percent: on the canary nodes minus on the others.',
    ),
    max_new_denials_percent: percent.describe(
      'Largest accepted difference of the share of refused requests of a route, percent: on the canary nodes minus on the others.',
    ),
  })
  .describe(
    'Tries the policy on some nodes first, and compares each route with the other nodes. The rollout ends by itself: the ' +
      'policy is promoted to all nodes, or withdrawn.',
  )

export function canaryOrder(body: z.output<typeof canaryBody>): CanaryOrder {
  const { percent, for_s, max_faults_percent, max_new_denials_percent } = body
  return {
    percent,
    forMs: for_s * 1000,
    maxFaultsPercent: max_faults_percent,
    maxNewDenialsPercent: max_new_denials_percent,
  }
}

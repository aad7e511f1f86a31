import { z } from 'zod'

const effect = z.enum(['none', 'narrower', 'wider', 'incomparable'])
const value = z.unknown().optional()

const route = z.strictObject({
  route: z.string().describe('Id of the route.'),
  service: z.string(),
  change: z
    .enum(['added', 'removed', 'public', 'wider', 'narrower', 'changed', 'unreachable', 'settings'])
    .describe(
      '`public`: the route has become public. `wider`: some requests may be admitted that were not before. `narrower`: ' +
        'no request is admitted that was not before. `changed`: both more and fewer requests may be admitted. `unreachable`: no request can be admitted. `settings`: the same ' +
        'requests are admitted, and other keys have changed.',
    ),
  widens: z.boolean().describe('Whether the route may admit a request that no route admitted before.'),
  public: z.boolean(),
  keys: z
    .array(z.strictObject({ key: z.string(), effect, before: value, after: value }))
    .describe('Keys of the route that have another effective value in the new policy.'),
  takes: z
    .array(z.strictObject({ from: z.string().nullable(), effect }))
    .describe(
      'Other routes of the old policy whose requests this route now matches; `null`: requests that matched no route.',
    ),
  loses: z
    .array(z.string().nullable())
    .describe(
      'Routes of the new policy that now match requests of this route; `null`: requests that now match no route.',
    ),
})

const entries = z.array(
  z.strictObject({
    place: z.string().describe('Path of the changed entry in the policy, such as `services.orders.limits[burst]`.'),
    change: z.enum(['added', 'removed', 'wider', 'narrower', 'changed']),
    widens: z.boolean(),
    before: value,
    after: value,
  }),
)

/** Schema of the difference of two policies by their effect: the members of `PolicyDifference`. */
export const policyDifference = {
  equal: z
    .boolean()
    .describe('Whether the old and the new policy have the same effect. All lists of differences are then empty.'),
  widens: z
    .boolean()
    .describe(
      'False: the new policy admits no request that the old policy rejects or rate-limits. True: it may do so.',
    ),
  routes: z.array(route),
  limits: entries,
  credentials: entries,
  upstreams: entries,
  issuers: entries,
  services: entries,
  relaxations: z.strictObject({ added: z.array(z.string()), removed: z.array(z.string()) }),
} as const

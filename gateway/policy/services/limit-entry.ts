import { z } from 'zod'
import { duration, text } from '../../config/text-schemas.ts'
import { claimPath } from '../claim-path.ts'

const part = z.union(
  [
    z.enum(['subject', 'client', 'session', 'address', 'issuer', 'route']),
    z.strictObject({
      claim: claimPath.describe(
        'Path of a claim of the token: names joined by dots, or a list when a name contains a dot.',
      ),
    }),
  ],
  { error: 'must be subject, client, session, address, issuer, route, or { claim: NAME }' },
)

const limitFields = {
  name: text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/).describe(
    'Name in RateLimit fields, logs and metrics. Unique among the limits of a route.',
  ),
  by: z
    .union([part, z.array(part).min(1).max(8)], {
      error: 'must be subject, client, session, address, issuer, route, { claim: NAME }, or a list of them',
    })
    .describe(
      'Key of the window. Requests with the same key share a window: the same subject, client or session (each with ' +
        'its issuer), address (IPv6: its /64), issuer, route, or value of { claim: NAME }. With a list, each ' +
        'combination of keys has its own window.',
    ),
  requests: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .describe('Maximum number of requests in any interval of length `window`, over the whole cluster.'),
  window: duration({ min: '100ms', max: '31d' }).describe('Length of the sliding window, 100ms to 31d.'),
  cost: z
    .int()
    .min(1)
    .max(1_000_000)
    .prefault(1)
    .describe('Number of requests that one request counts for. Default 1; at most `requests`.'),
  burst: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .describe(
      'Maximum number of requests in a short burst: a second window of `burst` requests, shorter than `window` in ' +
        'the proportion of `burst` to `requests`. Only with mode exact. Default: none.',
    ),
  mode: z
    .enum(['auto', 'exact', 'leased'])
    .prefault('auto')
    .describe(
      'exact: each request is decided in Redis, many requests in one call under load. leased: the node uses permits ' +
        'that it requested in advance, without waiting for Redis. auto (default): leased from 1,000 requests per ' +
        'window on, otherwise exact.',
    ),
  shadow: z
    .boolean()
    .prefault(false)
    .describe('Counts and records requests over the limit without rejecting them. Default false.'),
}

const excessiveCost = {
  error: 'cost is above requests, so that every request would be rejected; lower cost or raise requests',
  params: { code: 'GH_POLICY_CONTRADICTION' },
}

const limitEntry = z.strictObject(limitFields).refine(({ cost, requests }) => cost <= requests, excessiveCost)

/** Schema of a limit of a route, which counts requests or messages of WebSockets. */
const routeLimitEntry = z
  .strictObject({
    ...limitFields,
    requests: limitFields.requests.optional(),
    messages: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .describe(
        'Instead of `requests`: maximum number of WebSocket messages from clients in any interval of length `window`, ' +
          'for one subject, on one node. Only with by: subject. A further message closes the WebSocket with code 1008.',
      ),
  })
  .refine(({ cost, requests = cost }) => cost <= requests, excessiveCost)
  .refine(({ requests, messages }) => (requests === undefined) !== (messages === undefined), {
    error: 'must have either requests or messages',
  })

export const limitEntries = z.array(limitEntry).max(16)
export const routeLimitEntries = z.array(routeLimitEntry).max(16)

export type RouteLimitEntry = z.output<typeof routeLimitEntry>

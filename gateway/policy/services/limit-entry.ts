import { z } from 'zod'
import { duration, text } from '../../config/text-schemas.ts'
import { claimPath } from '../claim-path.ts'

const part = z.union(
  [
    z.enum(['subject', 'client', 'session', 'address', 'issuer', 'route']),
    z.strictObject({
      claim: claimPath.describe('A claim of the token: names joined by dots, or a list of names that hold dots.'),
    }),
  ],
  { error: 'must be subject, client, session, address, issuer, route, or { claim: NAME }' },
)

const limitEntry = z
  .strictObject({
    name: text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/).describe(
      'Name in RateLimit fields, logs and metrics. A route has each name once.',
    ),
    by: z
      .union([part, z.array(part).min(1).max(8)], {
        error: 'must be subject, client, session, address, issuer, route, { claim: NAME }, or a list of them',
      })
      .describe(
        'Who shares a window: subject, client, session (each with its issuer), address (IPv6: its /64), issuer, route, ' +
          '{ claim: NAME }, or a list: one window for each combination.',
      ),
    requests: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .describe('Most requests that any interval as long as the window may hold, over the whole cluster.'),
    window: duration({ min: '100ms', max: '31d' }).describe('Length of the sliding window, 100ms to 31d.'),
    cost: z
      .int()
      .min(1)
      .max(1_000_000)
      .prefault(1)
      .describe('How many requests one request counts for. Default 1; at most `requests`.'),
    burst: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .describe(
        'Most requests in a row: a second window, of `burst` requests in as much of the window as they are of ' +
          '`requests`. Only with mode exact. Default: none.',
      ),
    mode: z
      .enum(['auto', 'exact', 'leased'])
      .prefault('auto')
      .describe(
        'exact: one call to Redis for each request, many in one call under load. leased: the node spends permits ' +
          'that it took beforehand, and waits for nothing. auto (default): leased from 1,000 requests a window on.',
      ),
    shadow: z.boolean().prefault(false).describe('Counted and recorded, and never enforced. Default false.'),
  })
  .refine(({ cost, requests }) => cost <= requests, {
    error: 'cost is above requests, so that nobody could come',
    params: { code: 'GH_POLICY_CONTRADICTION' },
  })

export const limitEntries = z.array(limitEntry).max(16)

export type LimitEntry = z.output<typeof limitEntry>

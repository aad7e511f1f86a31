import { z } from 'zod'
import { formatDuration } from '../../base/duration.ts'
import { forwardedMethods, safeMethods, withHead } from '../../base/methods.ts'
import { formatPercent, percent } from '../../config/percent.ts'
import { duration } from '../../config/text-schemas.ts'
import type { RetryRules } from '../../upstream/retry-rules.ts'
import type { RouteTimeouts } from '../snapshot.ts'

const mapping = z
  .strictObject({
    on: z
      .array(z.union([z.enum(['connect', 'reset', 'timeout']), z.literal([500, 502, 503, 504])]))
      .min(1)
      .prefault(['connect', 'reset'])
      .describe(
        'Failures after which a request is sent again. connect: no connection to the upstream, or no room for the ' +
          'call; for every method, because nothing was sent. reset: connection lost before the first byte of the ' +
          'response. timeout: no response head in time. 500, 502, 503, 504: this status of the service. Default [connect, ' +
          'reset].',
      ),
    methods: z
      .array(z.enum(forwardedMethods))
      .min(1)
      .prefault(['GET', 'HEAD', 'OPTIONS'])
      .describe(
        'Methods whose requests are sent again when the service may have received them; GET includes HEAD. List only ' +
          'methods that the service may execute twice. Requests with a body are sent again with POST, PUT, PATCH and ' +
          'DELETE, up to 64 KiB and with Content-Length; the gate reads such a body completely before the first ' +
          'attempt. gRPC calls are not sent again. Default [GET, HEAD, OPTIONS].',
      ),
    attempts: z
      .int()
      .min(2)
      .max(5)
      .prefault(2)
      .describe(
        'Maximum number of attempts, the first included. Default 2, 2 to 5. When upstreams cannot be reached, up to ' +
          'three upstreams are tried in any case.',
      ),
    budget: percent({ min: 0, max: 100 })
      .prefault('20%')
      .describe(
        'Maximum number of retries on this node in 10 s, as a share of the calls of the service. 30 retries in 10 s ' +
          'are always allowed. Attempts at another upstream after `connect` do not count. Default 20%.',
      ),
    per_try: duration({ min: '10ms', max: '1h' })
      .optional()
      .describe(
        'Maximum wait for the response head in an attempt that another attempt can follow, 10ms to 1h; needs timeout in ' +
          '`on`. The last attempt has timeouts.first_byte. Default: timeouts.first_byte for each attempt.',
      ),
  })
  .refine(({ on, per_try }) => per_try === undefined || on.includes('timeout'), {
    path: ['per_try'],
    error: 'has no effect, because `on` does not list timeout; add timeout to `on`, or remove per_try',
  })

/** Schema of `retry` of a service or route: when a failed request is sent to an upstream again. */
export const retryEntry = z.union([z.literal('none'), mapping])

export type RetryEntry = z.output<typeof retryEntry>

/** @param timeouts  timeouts of the route */
export function compileRetry(entry: RetryEntry, { firstByteMs, idleMs }: RouteTimeouts): RetryRules | undefined {
  if (entry === 'none') return undefined
  const { on, methods, attempts, budget, per_try: perTryMs } = entry
  const earlyTimeouts = perTryMs === undefined ? undefined : { firstByteMs: Math.min(perTryMs, firstByteMs), idleMs }
  const unsafe = methods.filter((method) => !safeMethods.has(method))
  return Object.freeze({
    on: new Set(on),
    methods: withHead(methods),
    // Keep a request body only if a failure of an attempt that sent it can be followed by another attempt.
    bodyMethods: unsafe.length === 0 || on.every((each) => each === 'connect') ? undefined : new Set(unsafe),
    attempts,
    budget,
    earlyTimeouts,
  })
}

/** Returns `retry` as a policy states it. */
export function printRetry(entry: RetryEntry): unknown {
  if (entry === 'none') return entry
  const { per_try, budget, ...rest } = entry
  return {
    ...rest,
    budget: formatPercent(budget),
    ...(per_try !== undefined && { per_try: formatDuration(per_try) }),
  }
}

import { z } from 'zod'
import { formatDuration } from '../../base/duration.ts'
import { formatPercent, percent } from '../../config/percent.ts'
import { duration } from '../../config/text-schemas.ts'
import type { EjectionRules } from '../../upstream/ejection-rules.ts'

const inRow = z.union([z.int().min(1).max(1000), z.literal('none')])

const mapping = z.strictObject({
  failures: inRow
    .prefault(5)
    .describe(
      'Consecutive calls without a reply after which an upstream is ejected: connection failed, connection lost, or ' +
        'timeout. Failed connections during one back-off count once. Default 5; none: not ejected for this cause.',
    ),
  errors: inRow
    .prefault('none')
    .describe(
      'Consecutive calls without a reply, or with a status from 500 to 599, after which an upstream is ejected. ' +
        'Default none, because clients can cause such statuses.',
    ),
  error_rate: z
    .union([percent({ min: 1, max: 100 }), z.literal('none')])
    .prefault('25%')
    .describe(
      'Share of failed calls and of statuses from 500 to 599 at which an upstream is ejected, when the share of the ' +
        'other upstreams is at most half as high. Default 25%; none: not ejected for this cause.',
    ),
  slower: z
    .union([z.number().min(2).max(100), z.literal('none')])
    .prefault(5)
    .describe(
      'Factor by which an upstream replies later than the median of the other upstreams, and at least 25 ms later, ' +
        'when it is ejected. Default 5; none: not ejected for this cause.',
    ),
  max_ejected: percent({ min: 0, max: 100 })
    .prefault('50%')
    .describe(
      'Maximum share of the upstreams of the service that is ejected at the same time, rounded down. Upstreams that ' +
        'get no calls for another reason count too. One upstream always stays. Default 50%.',
    ),
  time: duration({ min: '1s', max: '1h' })
    .prefault('10s')
    .describe('Time for which an upstream is ejected at first. Doubles with each repetition. Default 10s, 1s to 1h.'),
  max_time: duration({ min: '1s', max: '24h' })
    .prefault('5m')
    .describe('Maximum time for which an upstream is ejected. Default 5m, 1s to 24h.'),
})

type Mapping = z.output<typeof mapping>

/** Schema of `ejection` of a service: when an upstream with failures gets no calls for a time. */
export const ejectionEntry = z.union([z.literal('none'), mapping]).prefault({})

export type EjectionEntry = 'none' | Mapping

export function compileEjection(entry: EjectionEntry): EjectionRules | undefined {
  if (entry === 'none') return undefined
  return Object.freeze({
    failures: limitOf(entry.failures),
    errors: limitOf(entry.errors),
    errorRate: limitOf(entry.error_rate),
    slower: limitOf(entry.slower),
    maxEjected: entry.max_ejected,
    timeMs: entry.time,
    maxTimeMs: Math.max(entry.time, entry.max_time),
  })
}

function limitOf(value: number | 'none'): number {
  return value === 'none' ? Number.POSITIVE_INFINITY : value
}

/** Returns `ejection` as a policy states it. */
export function printEjection(entry: EjectionEntry): unknown {
  if (entry === 'none') return entry
  return {
    ...entry,
    error_rate: entry.error_rate === 'none' ? 'none' : formatPercent(entry.error_rate),
    max_ejected: formatPercent(entry.max_ejected),
    time: formatDuration(entry.time),
    max_time: formatDuration(entry.max_time),
  }
}

import { z } from 'zod'
import { durationPattern, formatDuration, parseDuration } from '../../base/duration.ts'
import type { LimitsOutage } from '../../base/limit-rule.ts'
import { InvalidText } from '../../config/text-schemas.ts'

const STALE_MIN_MS = 1000
const STALE_MAX_MS = 24 * 60 * 60_000
const staleForm = 'closed, or stale and a duration, such as "stale 60s"'

/** Schema of the values `closed` and `stale N` of `on_outage`. N is 1s to 24h and is parsed into ms. */
function stale() {
  const pattern = `^(closed|stale ${durationPattern.replace(/^\^|\$$/g, '')})$`
  return z
    .string({ error: `must be ${staleForm}` })
    .meta({ pattern, form: 'duration', bounds: '1s to 24h' })
    .transform((text, context): number | 'closed' => {
      if (text === 'closed') return text
      const ms = text.startsWith('stale ') ? parseDuration(text.slice('stale '.length)) : undefined
      if (ms !== undefined && ms >= STALE_MIN_MS && ms <= STALE_MAX_MS) return ms
      const unfit = new InvalidText(ms === undefined ? `must be ${staleForm}` : 'must be from stale 1s to stale 24h')
      context.issues.push({ code: 'custom', message: unfit.message, input: text })
      return z.NEVER
    })
}

/**
 * `on_outage` of the policy, a service or a route: behaviour while a dependency of the gate is unavailable. Members have
 * no defaults, because a member that is absent has the value of the next wider entry; see {@link outageTerms}.
 */
export const onOutage = z
  .strictObject({
    introspection: stale()
      .optional()
      .describe(
        'Behaviour while the issuer is unavailable for introspection. "stale N": the last introspection response is ' +
          'used for N after `introspection.cache`, never past `exp`. closed: 503 after the response has expired. ' +
          'Default: `stale` of the issuer.',
      ),
    limits: z
      .enum(['local', 'closed', 'open'])
      .optional()
      .describe(
        'Behaviour of limits while Redis is unavailable. local (default): each node grants its share of the limit, ' +
          'by the last known number of nodes. closed: 503. open: the limit is not enforced.',
      ),
    revocation: stale()
      .optional()
      .describe(
        'Behaviour while the node receives no revocations. closed (default): 503 after `revocation.max_staleness`. ' +
          '"stale N": 503 after N, if N is longer. For that time the route may admit revoked credentials, so every ' +
          'revocation receipt states the largest N of the policy as its bound.',
      ),
    replay: z
      .enum(['closed', 'node'])
      .optional()
      .describe(
        'Behaviour with DPoP proofs while Redis is unavailable. closed (default): 503, because the node cannot know ' +
          'whether another node has admitted the proof. node: each node admits a proof once by its own records, so a ' +
          'captured proof can be used once on every node.',
      ),
  })
  .prefault({})

type OnOutageEntry = z.output<typeof onOutage>

/** Effective values of `on_outage` of a route. */
export interface OutageTerms {
  readonly limits: LimitsOutage
  /** Revocation: time for which a stale replica is accepted, ms, or `closed`. */
  readonly revocation: number | 'closed'
  readonly replay: 'closed' | 'node'
  /**
   * Introspection: time for which a stale response is accepted, ms, or `closed`; `undefined`: `introspection.stale` of
   * the issuer.
   */
  readonly introspection: number | 'closed' | undefined
}

const defaults: OutageTerms = { limits: 'local', revocation: 'closed', replay: 'closed', introspection: undefined }

/**
 * Returns the effective values for entries of the policy, a service and a route, in this order. Each member is that of
 * the last entry which has the member.
 */
export function outageTerms(...entries: readonly OnOutageEntry[]): OutageTerms {
  return Object.assign({}, defaults, ...entries) as OutageTerms
}

/** Effective values of `on_outage`, as a policy states them. */
export interface PrintedOutage {
  readonly limits: LimitsOutage
  readonly revocation: string
  readonly replay: 'closed' | 'node'
  /** Accepted staleness of an introspection response; absent: `introspection.stale` of the issuer. */
  readonly introspection?: string
}

/** Formats effective values of `on_outage` as a policy states them. */
export function printedOutage({ limits, revocation, replay, introspection }: OutageTerms): PrintedOutage {
  return {
    limits,
    revocation: printedStale(revocation),
    replay,
    ...(introspection !== undefined && { introspection: printedStale(introspection) }),
  }
}

/** Formats `closed` or a stale time in ms as a policy states it. */
function printedStale(value: number | 'closed'): string {
  return value === 'closed' ? value : `stale ${formatDuration(value)}`
}

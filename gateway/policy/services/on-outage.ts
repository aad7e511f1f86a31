import { z } from 'zod'
import { durationPattern, formatDuration, parseDuration } from '../../base/duration.ts'
import { InvalidText } from '../../config/text-schemas.ts'

const STALE_MIN_MS = 1000
const STALE_MAX_MS = 24 * 60 * 60_000
const staleForm = 'closed, or stale and a duration, such as "stale 60s"'

/** Schema of `closed` or `stale N`. N is 1s to 24h and is parsed into ms. */
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

/** `on_outage` of a route: its behaviour while a dependency of the gate is unavailable. */
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
      .prefault('local')
      .describe(
        'Behaviour of limits while Redis is unavailable. local (default): each node grants its share of the limit, ' +
          'by the last known number of nodes. closed: 503. open: the limit is not enforced.',
      ),
    revocation: stale()
      .prefault('closed')
      .describe(
        'Behaviour while the node receives no revocations. closed (default): 503 after `revocation.max_staleness`. ' +
          '"stale N": 503 after N, if N is longer. For that time the route may admit revoked credentials, so every ' +
          'revocation receipt states the largest N of the policy as its bound.',
      ),
    replay: z
      .enum(['closed', 'node'])
      .prefault('closed')
      .describe(
        'Behaviour with DPoP proofs while Redis is unavailable. closed (default): 503, because the node cannot know ' +
          'whether another node has admitted the proof. node: each node admits a proof once by its own records, so a ' +
          'captured proof can be used once on every node.',
      ),
  })
  .prefault({})

/** Formats `closed` or a stale time in ms as a policy states it. */
export function printedStale(value: number | 'closed'): string {
  return value === 'closed' ? value : `stale ${formatDuration(value)}`
}

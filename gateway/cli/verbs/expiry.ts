import { z } from 'zod'
import { durationForm, formatDuration, parseDuration } from '../../base/duration.ts'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

interface ExpiryRow {
  readonly kind: string
  readonly name: string
  readonly expires_at: string
  readonly routine: boolean
}

const defaultWithin = '7d'

/**
 * `gatehouse expiry`: lists the certificates, secrets and keys of a node that expire. Exits with an error code when one
 * of them expires soon, for cron jobs and CI.
 */
export const verb = defineVerb({
  description: 'List what expires on a node: certificates, secrets with a date, keys of unreachable issuers',
  flags: {
    within: z
      .string()
      .default(defaultWithin)
      .register(flag, { value: 'duration', help: 'exit code 1 if anything ends within this time, or has ended' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse expiry', does: 'fails if anything ends within 7 days' },
    { run: 'gatehouse expiry --within 30d --admin http://10.0.0.7:9090', does: 'asks this node about 30 days' },
  ],
  exitCodes: {
    [exitCodes.done]: 'nothing ends within the time',
    [exitCodes.invalid]:
      'a certificate, secret or key expires within --within; or refused: invalid token or missing scope',
    ...adminUnreachable,
  },
  run: async ({ within, admin }, output) => {
    const withinMs = parseDuration(within)
    if (withinMs === undefined) throw new CliError(exitCodes.usage, 'GH_USAGE', `--within must be ${durationForm}`)
    const { document } = await AdminClient.from(admin).call('GET', '/api/v1/expiries', 'expiries')
    const { node, expiries } = document as unknown as { node: string; expiries: readonly ExpiryRow[] }
    const nowMs = Date.now()
    const ending = expiries.filter(({ routine, expires_at }) => !routine && Date.parse(expires_at) - nowMs <= withinMs)
    const rows = expiries.map((each) => [
      each.kind,
      each.name,
      each.expires_at,
      leftText(Date.parse(each.expires_at) - nowMs),
      ending.includes(each) ? 'ends soon' : each.routine ? 'routine' : '',
    ])
    output.table(['kind', 'name', 'expires at', 'left', 'state'], rows)
    output.line('')
    output.line(
      `Node ${node} answered: ${expiries.length} listed, ${ending.length} of them end within ${formatDuration(withinMs)}. Each node lists what it has seen itself.`,
    )
    output.document({ node, within_ms: withinMs, ending: ending.length, expiries })
    return ending.length === 0 ? exitCodes.done : exitCodes.invalid
  },
})

/**
 * Formats the time until the expiry of a certificate, secret or key in its two largest units, such as `3d4h`; `expired`
 * after the expiry.
 */
function leftText(leftMs: number): string {
  if (leftMs <= 0) return 'expired'
  const minutes = Math.floor(leftMs / 60_000)
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24]
  if (days > 0) return `${days}d${hours}h`
  return hours > 0 ? `${hours}h${minutes % 60}m` : `${minutes}m`
}

import { formatDuration } from '../base/duration.ts'
import type { Settings } from '../config/settings.ts'
import type { Route, Snapshot } from '../policy/snapshot.ts'

/**
 * Says what a node does while Redis is unavailable, by its settings and its policy; `undefined` for a node without
 * Redis.
 */
export function redisOutageText(
  { redis, revocation: { maxStalenessMs } }: Pick<Settings, 'redis' | 'revocation'>,
  { routes }: Pick<Snapshot, 'routes'>,
): string | undefined {
  if (redis === undefined) return undefined
  const closed = routes.filter(({ requirement }) => requirement !== undefined)
  const longer = closed.filter(({ revocationStaleMs }) => revocationStaleMs > maxStalenessMs)
  const limit = formatDuration(maxStalenessMs)
  const strict =
    longer.length === closed.length
      ? 'public routes continue'
      : `requests with a credential get 503 after ${limit} (revocation.max_staleness), and public routes continue`
  return [strict, ...longerText(longer)].join('; ')
}

function longerText(longer: readonly Pick<Route, 'revocationStaleMs'>[]): string[] {
  if (longer.length === 0) return []
  const times = longer.map(({ revocationStaleMs }) => revocationStaleMs)
  const [least, most] = [formatDuration(Math.min(...times)), formatDuration(Math.max(...times))]
  const time = least === most ? least : `${least} to ${most}`
  const routes = longer.length === 1 ? '1 route replies' : `${longer.length} routes reply`
  return [`${routes} 503 only after ${time} (on_outage.revocation), and may admit revoked credentials until then`]
}

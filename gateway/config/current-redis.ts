import type { RedisSettings, RedisSource, RedisTls, RedisTopology } from '../base/redis-topology.ts'
import type { Secrets } from './secrets.ts'

const names = ['redis.password', 'redis.sentinel.password', 'redis.tls.ca', 'redis.tls.cert', 'redis.tls.key'] as const

/**
 * Returns a source of the current settings of Redis, with the values that its secrets and certificate files have at the
 * time of a call. The addresses of Redis stay those of the start.
 *
 * @param inForce  returns the settings of Redis of the last accepted reload; `undefined`: the settings of the start
 */
export function currentRedis(
  start: RedisSettings,
  inForce: () => RedisSettings | undefined,
  secrets: Pick<Secrets, 'ofSettings'>,
): RedisSource {
  const text = (name: (typeof names)[number]) => secrets.ofSettings(name)?.current
  const tlsOf = ({ serverName }: RedisTls): RedisTls => ({
    ca: text('redis.tls.ca'),
    cert: text('redis.tls.cert'),
    key: text('redis.tls.key'),
    serverName,
  })
  const placeOf = (stated: RedisTopology | undefined): RedisTopology => {
    if (start.place.topology !== 'sentinel') return start.place
    const { username } = stated?.topology === 'sentinel' ? stated : start.place
    return { ...start.place, username, password: text('redis.sentinel.password') }
  }
  return {
    current() {
      const stated = inForce()
      const { username } = stated ?? start
      return {
        ...start,
        place: placeOf(stated?.place),
        tls: start.tls && tlsOf(start.tls),
        username,
        password: text('redis.password'),
      }
    },
    refresh() {
      for (const name of names) secrets.ofSettings(name)?.refresh()
    },
  }
}

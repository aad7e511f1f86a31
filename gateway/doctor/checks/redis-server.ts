import type { RedisClient } from '../../redis/redis-client.ts'
import type { DoctorCheck, DoctorTask } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok } from '../finding.ts'

/** Oldest version of Redis that has all commands of the gate. */
const OLDEST_VERSION = 7

/** Checks that Redis replies, its version, and that it cannot lose revocations by eviction or a failover. */
export const redisServer: DoctorCheck = {
  name: 'redis',
  remedy:
    'check redis.url, sentinel or cluster in the settings, redis.username, redis.password, redis.tls, and the way from this machine to Redis',
  tasks: (examined) => {
    const { redis } = examined
    if (redis === undefined) return []
    const task = (subject: string, examine: (client: RedisClient) => Promise<Outcome>): DoctorTask => ({
      subject,
      run: async () => examine(await examined.connectRedis()),
    })
    const sentinel = redis.place.topology === 'sentinel' ? [task('min-replicas-to-write', minReplicas)] : []
    return [task('connection', connection), task('maxmemory-policy', evictionPolicy), ...sentinel]
  },
}

async function connection(client: RedisClient): Promise<Outcome> {
  await client.call('PING')
  const version = /^redis_version:(\d+)\.(\S+)/m.exec(String(await client.call('INFO', 'server')))
  if (version === null) return ok('Redis replies')
  const [, major, rest] = version
  if (Number(major) >= OLDEST_VERSION) return ok(`Redis ${major}.${rest} replies`)
  return failedCheck(`Redis ${major}.${rest} is too old`, `use Redis ${OLDEST_VERSION}.0 or newer`)
}

async function evictionPolicy(client: RedisClient): Promise<Outcome> {
  const info = String(await client.call('INFO', 'memory'))
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction'
  const isUnlimited = /^maxmemory:0\s*$/m.test(info)
  if (policy === 'noeviction') return ok('noeviction')
  if (isUnlimited) return ok(`${policy}, without effect because maxmemory is not set`)
  return failedCheck(
    `${policy}: Redis can evict revocations, so that revoked tokens would be admitted again`,
    'set maxmemory-policy noeviction on every Redis server',
  )
}

async function minReplicas(client: RedisClient): Promise<Outcome> {
  const info = String(await client.call('INFO', 'replication'))
  if (/^min_(?:slaves|replicas)_good_(?:slaves|replicas):/m.test(info)) return ok('set')
  return failedCheck(
    'not set: an isolated master would accept writes that a failover loses',
    'set min-replicas-to-write 1 and min-replicas-max-lag on every Redis server',
  )
}

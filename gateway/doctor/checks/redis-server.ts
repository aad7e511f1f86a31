import type { RedisClient } from '../../redis/redis-client.ts'
import type { DoctorCheck, DoctorTask } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok } from '../finding.ts'

/** Oldest version of Redis that the gate is tested with, as major and minor. Valkey 8 reports itself as Redis 7.2. */
const OLDEST_VERSION = [7, 2] as const

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
    const setting = (...of: Parameters<typeof task>): DoctorTask => ({ ...task(...of), onError: 'unknown' })
    const sentinel = redis.place.topology === 'sentinel' ? [setting('min-replicas-to-write', minReplicas)] : []
    return [task('connection', connection), setting('maxmemory-policy', evictionPolicy), ...sentinel]
  },
}

async function connection(client: RedisClient): Promise<Outcome> {
  await client.call('PING')
  const found = /^redis_version:((\d+)\.(\d+)\S*)/m.exec(String(await client.call('INFO', 'server')))
  if (found === null) return ok('Redis replies')
  const [, version, major, minor] = found
  const [oldestMajor, oldestMinor] = OLDEST_VERSION
  const isOld = Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor)
  if (!isOld) return ok(`Redis ${version} replies`)
  return failedCheck(`Redis ${version} is too old`, `use Redis ${OLDEST_VERSION.join('.')} or newer, or Valkey 8`)
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

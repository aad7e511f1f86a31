import type { RedisClient } from '../../redis/redis-client.ts'
import type { RedisFault } from '../../redis/redis-fault.ts'
import type { DoctorCheck } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok, unknown } from '../finding.ts'

/** A command that a node calls, with valid arguments. `KEY` and `CHANNEL` stand for a name with the prefix of the settings. */
const needed: readonly (readonly string[])[] = [
  ...[['EVAL', 'return 1', '0'], ['EVALSHA', '0'.repeat(40), '0'], ['TIME'], ['ROLE'], ['INFO', 'server']],
  ...[
    ['GET', 'KEY'],
    ['SET', 'KEY', '1'],
    ['DEL', 'KEY'],
    ['EXISTS', 'KEY'],
    ['EXPIREAT', 'KEY', '1'],
  ],
  ...[
    ['APPEND', 'KEY', ''],
    ['GETRANGE', 'KEY', '0', '1'],
    ['PEXPIRE', 'KEY', '1'],
    ['PTTL', 'KEY'],
  ],
  ...[
    ['HGET', 'KEY', 'f'],
    ['HMGET', 'KEY', 'f'],
    ['HSET', 'KEY', 'f', '1'],
    ['HDEL', 'KEY', 'f'],
    ['HGETALL', 'KEY'],
  ],
  ...[
    ['HLEN', 'KEY'],
    ['HINCRBY', 'KEY', 'f', '1'],
    ['ZADD', 'KEY', '1', 'm'],
    ['ZREM', 'KEY', 'm'],
  ],
  ...[
    ['ZRANGE', 'KEY', '0', '1'],
    ['ZMSCORE', 'KEY', 'm'],
    ['ZCOUNT', 'KEY', '0', '1'],
    ['ZREMRANGEBYSCORE', 'KEY', '0', '0'],
  ],
  ...[
    ['XADD', 'KEY', '*', 'f', '1'],
    ['XLEN', 'KEY'],
    ['XRANGE', 'KEY', '-', '+'],
    ['XREVRANGE', 'KEY', '+', '-'],
  ],
  ...[
    ['XREAD', 'STREAMS', 'KEY', '0'],
    ['XTRIM', 'KEY', 'MAXLEN', '1'],
    ['MEMORY', 'USAGE', 'KEY'],
  ],
  ...[
    ['PUBLISH', 'CHANNEL', ''],
    ['SUBSCRIBE', 'CHANNEL'],
    ['WAIT', '0', '1'],
    ['WAITAOF', '0', '0', '1'],
  ],
]

/** Commands of `needed` that change nothing, for a user who may not ask Redis for its rights. */
const harmless: ReadonlySet<string> = new Set([
  'EVAL',
  'TIME',
  'ROLE',
  'INFO',
  'GET',
  'EXISTS',
  'HGET',
  'ZRANGE',
  'XRANGE',
  'XLEN',
  'WAIT',
])

/**
 * Checks that the ACL of Redis allows the gate its commands, on keys and channels with its prefix. Asks Redis with `ACL
 * DRYRUN`, which runs nothing. An ACL can limit the keys further; the gate then reports each refused call in its log.
 */
export const redisCommands: DoctorCheck = {
  name: 'redis-commands',
  remedy: 'check the connection to Redis first',
  tasks: ({ redis, connectRedis }) =>
    redis === undefined
      ? []
      : [
          {
            subject: redis.username === undefined ? 'user default' : `user ${redis.username}`,
            run: async () => examine(await connectRedis(), redis.username ?? 'default', redis.prefix),
          },
        ],
}

async function examine(client: RedisClient, user: string, prefix: string): Promise<Outcome> {
  const commands = needed.map((words) =>
    words.map((word) => (word === 'KEY' || word === 'CHANNEL' ? `${prefix}{rev}:doctor` : word)),
  )
  const denied: string[] = []
  for (const command of commands) {
    const allowed = await isAllowedTo(client, user, command)
    if (allowed === undefined) return tryHarmless(client, commands)
    if (!allowed) denied.push(command[0]!.toLowerCase())
  }
  if (denied.length === 0) return ok(`all ${commands.length} commands are allowed`)
  return failedCheck(
    `not allowed: ${denied.join(' ')}`,
    `allow the commands: ACL SETUSER ${user} ${denied.map((each) => `+${each}`).join(' ')}`,
  )
}

/** @returns `undefined` when the user may not ask, or when Redis is older than 7.0 */
async function isAllowedTo(
  client: RedisClient,
  user: string,
  [name, ...words]: readonly string[],
): Promise<boolean | undefined> {
  try {
    return (await client.call('ACL', 'DRYRUN', user, name!, ...words)) === 'OK'
  } catch (error) {
    const { redisCode } = error as RedisFault
    if (redisCode === 'NOPERM' || redisCode === 'ERR') return undefined
    throw error
  }
}

async function tryHarmless(client: RedisClient, commands: readonly (readonly string[])[]): Promise<Outcome> {
  const tried = commands.filter(([name]) => harmless.has(name!))
  const denied: string[] = []
  for (const [name, ...words] of tried) {
    try {
      await client.call(name!, ...words)
    } catch (error) {
      if ((error as RedisFault).redisCode !== 'NOPERM') throw error
      denied.push(name!.toLowerCase())
    }
  }
  if (denied.length > 0)
    return failedCheck(
      `not allowed: ${denied.join(' ')}`,
      `allow the commands: ${denied.map((each) => `+${each}`).join(' ')}`,
    )
  return unknown(
    `the user may not call ACL DRYRUN; ${tried.length} of ${commands.length} commands were tried, and are allowed`,
    'compare the ACL of the user with docs/guide/cluster.md#redis, or allow +acl|dryrun',
  )
}

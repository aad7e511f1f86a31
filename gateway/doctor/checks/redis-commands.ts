import { RedisKeys } from '../../redis/keys.ts'
import type { RedisClient } from '../../redis/redis-client.ts'
import type { RedisFault } from '../../redis/redis-fault.ts'
import type { DoctorCheck } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok, unknown } from '../finding.ts'
import { harmlessCommands, neededCommands } from '../redis-command-list.ts'

const DOCUMENTED = 'docs/guide/redis.md#one-acl'

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
            onError: 'unknown',
            run: async () => examine(await connectRedis(), redis.username ?? 'default', redis.prefix),
          },
        ],
}

/** Rights that a user does not have, as rules of an ACL: `+get`, `~gh:*`, `&gh:*`. */
type MissingRights = Set<string>

interface Needs {
  readonly user: string
  readonly prefix: string
  readonly commands: readonly (readonly string[])[]
}

async function examine(client: RedisClient, user: string, prefix: string): Promise<Outcome> {
  const commands = neededCommands.map((words) => words.map((word) => nameFor(word, prefix)))
  const missing: MissingRights = new Set()
  for (const command of commands) {
    const refusal = await dryRun(client, user, command)
    if (refusal === undefined) return tryHarmless(client, { user, prefix, commands })
    if (refusal !== '') missing.add(missingRight(refusal, command, prefix))
  }
  return missing.size === 0 ? ok(`all ${commands.length} commands are allowed`) : refused(missing, user)
}

function nameFor(word: string, prefix: string): string {
  if (word === 'QUEUE') return queueKey(prefix)
  return word === 'KEY' || word === 'CHANNEL' ? `${prefix}{rev}:doctor` : word
}

const queueKey = (prefix: string): string => new RedisKeys(prefix).queues('doctor')
/** Pattern of the keys of all queues. */
const queuePattern = (prefix: string): string => `~${queueKey(prefix).replace(/doctor\}$/, '*')}`

/**
 * Asks Redis whether the user may call a command, without calling it.
 *
 * @returns the refusal, or '' for a command that is allowed; `undefined` when the user may not ask, or when Redis is
 *   older than 7.0
 */
async function dryRun(client: RedisClient, user: string, [name, ...words]: readonly string[]) {
  try {
    const reply = String(await client.call('ACL', 'DRYRUN', user, name!, ...words))
    return reply === 'OK' ? '' : reply
  } catch (error) {
    const { redisCode } = error as RedisFault
    if (redisCode === 'NOPERM' || redisCode === 'ERR') return undefined
    throw error
  }
}

/**
 * Returns the right that a refusal of Redis asks for. Redis states what it refuses at the end of the text: "the 'get'
 * command", "the 'gh:a' key", "a key", "a channel".
 */
function missingRight(refusal: string, [name, key]: readonly string[], prefix: string): string {
  if (refusal.endsWith('channel')) return `&${prefix}*`
  if (refusal.endsWith('key')) return key === queueKey(prefix) ? queuePattern(prefix) : `~${prefix}*`
  return name === 'MEMORY' ? '+memory|usage' : `+${name!.toLowerCase()}`
}

function refused(missing: MissingRights, user: string): Outcome {
  const rules = [...missing]
  const commands = rules.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1))
  const others = rules.filter((rule) => !rule.startsWith('+'))
  const parts = [
    ...(commands.length === 0 ? [] : [`commands not allowed: ${commands.join(' ')}`]),
    ...(others.length === 0 ? [] : [`no rights for the keys and channels ${others.join(' ')}`]),
  ]
  const shown = rules.map((rule) => (rule.startsWith('+') ? rule : `'${rule}'`)).join(' ')
  return failedCheck(parts.join('; '), `give the rights: ACL SETUSER ${user} ${shown}; ${DOCUMENTED} has all of them`)
}

/** Calls the commands that change nothing, for a user who may not ask with `ACL DRYRUN`. */
async function tryHarmless(client: RedisClient, { user, prefix, commands }: Needs): Promise<Outcome> {
  const tried = commands.filter(([name]) => harmlessCommands.has(name!))
  const missing: MissingRights = new Set()
  for (const command of tried) {
    try {
      await client.call(command[0]!, ...command.slice(1))
    } catch (error) {
      const { redisCode, message } = error as RedisFault
      if (redisCode !== 'NOPERM') throw error
      missing.add(missingRight(message, command, prefix))
    }
  }
  if (missing.size > 0) return refused(missing, user)
  return unknown(
    `the user may not call ACL DRYRUN; ${tried.length} of ${commands.length} commands were tried, and are allowed`,
    `compare the ACL of the user with ${DOCUMENTED}, or allow +acl|dryrun for a complete answer`,
  )
}

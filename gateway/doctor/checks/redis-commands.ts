import { RedisKeys } from '../../redis/keys.ts'
import type { RedisClient } from '../../redis/redis-client.ts'
import type { RedisFault } from '../../redis/redis-fault.ts'
import type { DoctorCheck } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok } from '../finding.ts'
import { neededCommands } from '../redis-command-list.ts'

const DOCUMENTED = 'docs/guide/redis.md#one-acl'

const checkRights = new URL('../check-rights.lua', import.meta.url)

/**
 * Checks that the ACL of Redis allows the gate its commands, on keys and channels with its prefix. A script asks Redis,
 * and runs none of the commands. An ACL can limit the keys further; the gate then reports each refused call in its log.
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

/** Rights that the Redis user of the gate does not have, as rules of an ACL: `+get`, `~gh:*`, `&gh:*`. */
type MissingRights = Set<string>

async function examine(client: RedisClient, user: string, prefix: string): Promise<Outcome> {
  const commands = neededCommands.map((words) => words.map((word) => nameFor(word, prefix)))
  const missing: MissingRights = new Set()
  try {
    const reply = (await client.script(checkRights)([], [JSON.stringify(commands)])) as (number | string)[]
    for (let i = 0; i < reply.length; i += 2) {
      missing.add(missingRight(String(reply[i + 1]), commands[Number(reply[i]) - 1]!, prefix))
    }
  } catch (error) {
    const { redisCode, message } = error as RedisFault
    const [, name] = /'(eval|evalsha)' command/.exec(message) ?? []
    if (redisCode !== 'NOPERM' || name === undefined) throw error
    // Without the right to run scripts, report only that right: the check of the other rights is a script itself.
    missing.add('+eval').add('+evalsha')
  }
  return missing.size === 0 ? ok(`all ${commands.length} commands are allowed`) : refused(missing, user)
}

function nameFor(word: string, prefix: string): string {
  if (word === 'QUEUE') return queueKey(prefix)
  return word === 'KEY' || word === 'CHANNEL' ? `${prefix}{rev}:doctor` : word
}

const queueKey = (prefix: string): string => new RedisKeys(prefix).queues('doctor')
/** Pattern of the Redis keys of all job queues. */
const queuePattern = (prefix: string): string => `~${queueKey(prefix).replace(/doctor\}$/, '*')}`

/**
 * Returns the ACL right that Redis names when it refuses a call. Without the word `key` or `channel` at its end, the
 * refusal concerns the command.
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

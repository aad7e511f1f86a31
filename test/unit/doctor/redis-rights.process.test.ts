import { expect, test } from 'vitest'
import { clock } from '../../../gateway/doctor/checks/clock.ts'
import { redisCommands } from '../../../gateway/doctor/checks/redis-commands.ts'
import { redisServer } from '../../../gateway/doctor/checks/redis-server.ts'
import { documentedAcl } from '../../kit/documented-acl.ts'
import { freePort } from '../../kit/ports.ts'
import { testRedis } from '../../kit/redis.ts'
import { redisCli } from '../../kit/redis-cli.ts'
import { findingsOf } from './findings-of.ts'

// `gatehouse doctor` reports what a real Redis refuses to its user, and which rule of the ACL gives the right.

const { port } = await testRedis()
const documented = documentedAcl()
const checks = [redisServer, redisCommands]

/** Settings of the node for a new user of Redis with these rules; without rules, for the user `default`. */
async function settingsWith(rules: readonly string[] | undefined, at = port) {
  const url = `redis://127.0.0.1:${at}`
  if (rules === undefined) return { redis: { url } }
  await redisCli(at, 'ACL', 'SETUSER', 'gate', 'reset', 'on', '>change-me', ...rules)
  return { redis: { url, username: 'gate', password: { env: 'REDIS_PASSWORD' } } }
}

const env = { REDIS_PASSWORD: 'change-me' }
const without = (...patterns: string[]) => documented.filter((rule) => !patterns.includes(rule))

test.each([
  ['the user `default`', undefined, 'ok', /^all \d+ commands are allowed$/, /^null$/],
  ['the documented ACL', documented, 'ok', /^all \d+ commands are allowed$/, /^null$/],
  [
    'two commands less',
    [...documented, '-xadd', '-hset'],
    'failed',
    /^commands not allowed: hset xadd$/,
    /ACL SETUSER gate \+hset \+xadd; docs\/guide\/redis\.md/,
  ],
  [
    'no commands that scripts cannot run',
    [...documented, '-subscribe', '-wait', '-waitaof'],
    'failed',
    /^commands not allowed: subscribe wait waitaof$/,
    /\+subscribe \+wait \+waitaof;/,
  ],
  ['no scripts', [...documented, '-@scripting'], 'failed', /^commands not allowed: eval evalsha$/, /\+eval \+evalsha;/],
  ['keys to read only', [...without('~gh:*'), '%R~gh:*'], 'failed', /keys and channels ~gh:\*$/, /'~gh:\*'/],
  ['another pattern of keys', ['~other:*', ...without('~gh:*')], 'failed', /keys and channels ~gh:\*$/, /'~gh:\*'/],
  ['no pattern of queues', [...without('~{gh:*')], 'failed', /keys and channels ~\{gh:\*$/, /'~\{gh:\*'/],
  ['no channels', [...without('&gh:*')], 'failed', /keys and channels &gh:\*$/, /'&gh:\*'/],
] as const)(
  'for a Redis user with %s, `gatehouse doctor` states result, cause and remedy of the check of Redis commands, and writes no key',
  async (_, rules, result, detail, remedy) => {
    const findings = await findingsOf({ checks, env, settings: await settingsWith(rules) })

    const [found] = findings.filter(({ check }) => check === 'redis-commands')
    expect(found).toMatchObject({ subject: `user ${rules === undefined ? 'default' : 'gate'}`, result })
    expect(found!.detail).toMatch(detail)
    expect(String(found!.remedy)).toMatch(remedy)
    expect(await redisCli(port, 'DBSIZE')).toMatch(/^(?:\(integer\) )?0$/)
    expect(findings[0]).toMatchObject({
      subject: 'connection',
      result: 'ok',
      detail: expect.stringMatching(/^Redis 7|^Redis 8/),
    })
  },
)

test('with a wrong Redis password, `gatehouse doctor` reports the Redis connection as failed, and rights, settings and clock of Redis as unknown', async () => {
  const settings = await settingsWith(documented)
  const findings = await findingsOf({
    checks: [...checks, clock],
    env: { REDIS_PASSWORD: 'mistyped-0123456789' },
    settings,
  })

  expect(findings.map(({ check, subject, result }) => [check, subject, result])).toEqual([
    ['redis', 'connection', 'failed'],
    ['redis', 'maxmemory-policy', 'unknown'],
    ['redis-commands', 'user gate', 'unknown'],
    ['clock', 'Redis', 'unknown'],
  ])
  for (const { detail, remedy } of findings) {
    expect(detail).toContain('check redis.username and redis.password')
    expect(remedy).toBeTruthy()
    expect(detail).not.toContain('mistyped')
  }
})

test('if no process listens at the Redis port, `gatehouse doctor` reports the Redis connection as failed, with the cause', async () => {
  const [connection] = await findingsOf({ checks, settings: await settingsWith(undefined, freePort()) })

  expect(connection).toMatchObject({ subject: 'connection', result: 'failed' })
  expect(connection!.detail).toMatch(/ECONNREFUSED|no connection/)
})

test.each([
  ['noeviction', '100mb', 'ok', 'noeviction'],
  ['allkeys-lru', '0', 'ok', 'allkeys-lru, without effect because maxmemory is not set'],
  ['allkeys-lru', '100mb', 'failed', 'allkeys-lru: Redis can evict revocations'],
])(
  '`gatehouse doctor` reports a Redis with maxmemory-policy %s and maxmemory %s as %s',
  async (policy, memory, result, detail) => {
    await redisCli(port, 'CONFIG', 'SET', 'maxmemory-policy', policy, 'maxmemory', memory)
    const findings = await findingsOf({ checks, settings: await settingsWith(undefined) })

    expect(findings.find(({ subject }) => subject === 'maxmemory-policy')).toMatchObject({
      result,
      detail: expect.stringContaining(detail),
    })
  },
)

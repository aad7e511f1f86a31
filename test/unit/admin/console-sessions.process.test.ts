import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  CONSOLE_ABSOLUTE_MS,
  CONSOLE_IDLE_MS,
  CONSOLE_SESSIONS_OF_PERSON_MAX,
  type OperatorSession,
} from '../../../gateway/admin/login/console-session.ts'
import { ConsoleSessions } from '../../../gateway/admin/login/console-sessions.ts'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { nodeLink, redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { RedisRelay } from '../../kit/redis-relay.ts'
import { until } from '../../kit/until.ts'

// Sessions of the console that nodes share in a real Redis.

const { port } = await testRedis()
const relay = await RedisRelay.start(port)
const [link, cutLink] = await Promise.all([testLink(redisSettingsFor(port)), nodeLink(redisSettingsFor(relay.port))])
const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }], 'console')
/** `cut` reaches Redis by the relay, with the deadline of a node. */
const [one, other, cut] = [link, link, cutLink].map((each) => new ConsoleSessions(sealer, each)) as [
  ConsoleSessions,
  ConsoleSessions,
  ConsoleSessions,
]

const session = (more: Partial<OperatorSession> = {}): OperatorSession => ({
  token: `secret token ${randomBytes(4).toString('hex')}`,
  credential: 'access token',
  who: randomBytes(4).toString('hex'),
  client: 'console',
  refreshToken: undefined,
  tokenEndsAtMs: undefined,
  endsAtMs: Date.now() + CONSOLE_ABSOLUTE_MS,
  ...more,
})

async function stored(): Promise<string[]> {
  return ((await link.store.call('KEYS', '*{console}*')) as string[]).sort()
}

test('a console session is encrypted in Redis, and every Redis key of the console expires', async () => {
  const opened = session()
  await one.open(opened)
  const keys = await stored()
  expect(keys.length).toBeGreaterThanOrEqual(2)
  for (const key of keys) {
    expect(Number(await link.store.call('PTTL', key))).toBeGreaterThan(0)
    const dump = String(await link.store.callBuffer('DUMP', key))
    for (const secret of [opened.token, opened.who]) expect(dump).not.toContain(secret)
  }
})

test('the Redis key of a console session expires after the idle time, and at the latest at the end of the session', async () => {
  const before = new Set(await stored())
  await one.open(session())
  const value = await one.open(session({ endsAtMs: Date.now() + 60_000 }))
  const added = (await stored()).filter((key) => !before.has(key) && key.includes(':s:'))
  const lives = await Promise.all(added.map(async (key) => Number(await link.store.call('PTTL', key))))
  const [shorter, longer] = lives.sort((a, b) => a - b) as [number, number]
  expect(shorter).toBeLessThanOrEqual(60_000)
  expect(longer).toBeGreaterThan(60_000)
  expect(longer).toBeLessThanOrEqual(CONSOLE_IDLE_MS)
  await one.find(value)
  const used = await Promise.all(added.map(async (key) => Number(await link.store.call('PTTL', key))))
  expect(Math.min(...used)).toBeLessThanOrEqual(60_000)
})

test('a log-out from the console at one node ends the console session at another node that has used it', async () => {
  const value = await one.open(session())
  expect(await other.find(value)).toBeDefined()
  await one.end((await one.find(value))!)
  expect(await other.find(value)).toBeUndefined()
})

test('when a person opens more console sessions than permitted, the one that expires first is ended at every node', async () => {
  const values: string[] = []
  for (let i = 0; i <= CONSOLE_SESSIONS_OF_PERSON_MAX; i++) {
    const endsAtMs = Date.now() + CONSOLE_ABSOLUTE_MS - 60_000 + i * 1000
    values.push(await one.open(session({ who: 'olga', endsAtMs })))
  }
  const found = await Promise.all(values.map((value) => other.find(value)))
  expect(found.map((each) => each !== undefined)).toEqual(values.map((_, i) => i > 0))
})

test('tokens of a console session that one node replaced are used by another node, and an ended console session is not restored', async () => {
  const value = await one.open(session())
  const found = (await other.find(value))!
  await one.replace(found.id, { ...found.session, token: 'refreshed', tokenEndsAtMs: 1 })
  expect((await other.find(value))!.session.token).toBe('refreshed')
  await other.end(found)
  await one.replace(found.id, { ...found.session, token: 'refreshed again' })
  expect(await other.find(value)).toBeUndefined()
  expect(await one.find(value)).toBeUndefined()
})

test('only one node at a time has the right to refresh the tokens of a console session', async () => {
  expect([await one.lock('a'), await other.lock('a'), await other.lock('b')]).toEqual([true, false, true])
  await one.unlock('a')
  expect(await other.lock('a')).toBe(true)
})

test('while Redis is unavailable, a node accepts the console sessions that were used there, opens new ones, and reports a failed log-out', async () => {
  const value = await one.open(session({ who: 'before' }))
  expect((await cut.find(value))!.session.who).toBe('before')
  const unused = await one.open(session())
  relay.cut()
  expect((await cut.find(value))!.session.who).toBe('before')
  expect(await cut.find(unused)).toBeUndefined()
  const during = await cut.open(session({ who: 'during' }))
  const found = (await cut.find(during))!
  expect(found.session.who).toBe('during')
  await expect(cut.end((await cut.find(value))!)).rejects.toThrow('redis')
  expect(await cut.find(value)).toBeUndefined()

  relay.mend()
  await until('Redis is available to the node again', async () => (await cut.find(unused)) !== undefined)
  expect((await cut.find(during))!.session.who).toBe('during')
})

// One caller introspects a token, and all callers get the response: tests of the two Lua scripts with a real Redis.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { type LockHolder, SharedAnswers } from '../../../gateway/tokens/shared-answers.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

const key = { id: 'k', secret: randomBytes(32) }
const active = { active: true, ended: false, claims: { sub: 'alice' } }
const inactive = { active: false, ended: true, claims: {} }
const wishes = { oldestMs: 10_000, waitedMs: -1, leaseMs: 5000 }

let link: RedisLink
let shared: SharedAnswers

beforeAll(async () => {
  link = await testLink(redisSettingsFor((await testRedis()).port))
  shared = new SharedAnswers(link.store, link.keys, new Sealer([key]))
})

const newId = () => randomBytes(32).toString('hex')

async function turnOf(id: string, more: Partial<typeof wishes> = {}): Promise<LockHolder> {
  const turn = await shared.begin(id, { ...wishes, ...more })
  expect(turn.kind).toBe('ask')
  return turn as LockHolder
}

test('of 50 callers that introspect a token concurrently, one gets the introspection lock, and the other callers wait', async () => {
  const id = newId()
  const kinds = await Promise.all(Array.from({ length: 50 }, async () => (await shared.begin(id, wishes)).kind))

  expect(kinds.filter((kind) => kind === 'ask').length).toBe(1)
  expect(kinds.filter((kind) => kind === 'wait').length).toBe(49)
})

test('a later caller gets the stored introspection response of a token with the age of the response', async () => {
  const id = newId()
  await shared.tell(id, await turnOf(id), active, { lifeMs: 10_000, keepMs: 20_000, token: 'a-token' })
  await sleep(40)
  const turn = await shared.begin(id, wishes)

  expect(turn).toMatchObject({ kind: 'known', known: { answer: active } })
  expect(turn.kind === 'known' && turn.known.ageMs).toBeGreaterThanOrEqual(20)
})

test('a caller that finds an introspection response in Redis too old gets the introspection lock, the old response and the token', async () => {
  const id = newId()
  await shared.tell(id, await turnOf(id), active, { lifeMs: 10_000, keepMs: 20_000, token: 'a-token' })
  await sleep(30)

  expect(await turnOf(id, { oldestMs: 10 })).toMatchObject({ old: { answer: active }, token: 'a-token' })
})

test('an inactive introspection response is used for the lifetime that the caller states when storing it, and is stored without the token', async () => {
  const [living, over] = [newId(), newId()]
  const told = { keepMs: 60_000, token: undefined }
  await shared.tell(living, await turnOf(living), inactive, { ...told, lifeMs: 50_000 })
  await shared.tell(over, await turnOf(over), inactive, { ...told, lifeMs: 20 })
  await sleep(40)

  expect((await shared.begin(living, wishes)).kind).toBe('known')
  expect(await turnOf(over)).toMatchObject({ old: { answer: inactive }, token: undefined })
})

test('a caller that waited gets an introspection response that was requested during its wait, even after the lifetime of the response', async () => {
  const id = newId()
  const turn = await turnOf(id)
  await shared.tell(id, turn, active, { lifeMs: 0, keepMs: 5000, token: 'a-token' })

  expect((await shared.begin(id, { ...wishes, waitedMs: 60_000 })).kind).toBe('known')
  expect((await shared.begin(id, wishes)).kind).toBe('ask')
})

test('when its lock expires, another caller can take the introspection lock of a token, and the late response of the first caller is still stored', async () => {
  const id = newId()
  const late = await turnOf(id, { leaseMs: 30 })
  await sleep(50)
  const next = await turnOf(id)
  expect(next.fence).not.toBe(late.fence)
  // A failure has no effect if its caller no longer holds the lock.
  await shared.fail(id, late, 'too late', 1000)
  expect((await shared.begin(id, wishes)).kind).toBe('wait')
  await shared.tell(id, late, active, { lifeMs: 10_000, keepMs: 10_000, token: 'a-token' })

  expect((await shared.begin(id, wishes)).kind).toBe('known')
})

test('an older introspection response does not replace a newer one in Redis', async () => {
  const id = newId()
  const late = await turnOf(id, { leaseMs: 10 })
  await sleep(20)
  await shared.tell(id, await turnOf(id), inactive, { lifeMs: 10_000, keepMs: 10_000, token: undefined })
  await shared.tell(id, late, active, { lifeMs: 10_000, keepMs: 10_000, token: 'a-token' })

  expect(await shared.begin(id, wishes)).toMatchObject({ kind: 'known', known: { answer: inactive } })
})

test('a failed introspection is stored for the time that its caller states, and later callers get the failure with the previous response', async () => {
  const id = newId()
  await shared.tell(id, await turnOf(id), active, { lifeMs: 5, keepMs: 10_000, token: 'a-token' })
  await sleep(10)
  await shared.fail(id, await turnOf(id), 'issuer main is down', 9000)

  expect(await shared.begin(id, wishes)).toMatchObject({
    kind: 'failed',
    why: 'issuer main is down',
    old: { answer: active },
  })

  const over = newId()
  await shared.fail(over, await turnOf(over), 'issuer main is down', 20)
  await sleep(40)
  await turnOf(over)
})

test.each([
  ['lease', { u: 3_600_000 }],
  ['failure', { x: 0, y: 3_600_000 }],
])(
  'an introspection %s in Redis whose expiry is an hour in the future is ignored, because a clock must have been set back since it was stored',
  async (_, aheadMs) => {
    const id = newId()
    for (const [field, ms] of Object.entries(aheadMs)) {
      await link.store.call('HSET', link.keys.introspected(id), field, Date.now() + ms)
    }

    await turnOf(id)
  },
)

test('a caller that only reads the introspection response in Redis, and would not introspect itself, takes no lock', async () => {
  const id = newId()
  expect((await shared.begin(id, { ...wishes, leaseMs: 0 })).kind).toBe('none')

  await turnOf(id)
})

test('an introspection response in Redis that is sealed with an unknown key or for another token is ignored', async () => {
  const [id, other] = [newId(), newId()]
  const strangers = new SharedAnswers(link.store, link.keys, new Sealer([{ id: 'k', secret: randomBytes(32) }]))
  await shared.tell(id, await turnOf(id), active, { lifeMs: 10_000, keepMs: 20_000, token: 'a-token' })
  expect(await strangers.begin(id, wishes)).toMatchObject({ kind: 'ask', old: undefined, token: undefined })

  await link.store.call('COPY', link.keys.introspected(id), link.keys.introspected(other))
  await link.store.call('HDEL', link.keys.introspected(other), 'u')
  expect(await shared.begin(other, wishes)).toMatchObject({ kind: 'ask', old: undefined, token: undefined })
})

test('an introspection response in Redis is not used if someone has changed its time', async () => {
  const id = newId()
  await shared.tell(id, await turnOf(id), active, { lifeMs: 10, keepMs: 20_000, token: 'a-token' })
  await sleep(20)
  await link.store.call('HSET', link.keys.introspected(id), 't', Date.now(), 'l', 20_000)

  expect(await turnOf(id)).toMatchObject({ old: undefined })
})

test('introspection responses in Redis have an expiry', async () => {
  const id = newId()
  await shared.tell(id, await turnOf(id), active, { lifeMs: 20, keepMs: 60, token: 'a-token' })
  await sleep(90)

  expect(await link.store.call('EXISTS', link.keys.introspected(id))).toBe(0)
})

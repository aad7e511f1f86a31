// Sessions in a real Redis: what it shows to whoever reads it, what opens, how long it lasts, who may refresh.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { neverLookedUp } from '../../../gateway/oauth/token-facts.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { type RefreshTurn, RefreshTurns } from '../../../gateway/sessions/refresh-turns.ts'
import type { Session } from '../../../gateway/sessions/session.ts'
import { SessionStore } from '../../../gateway/sessions/session-store.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

const oldKey = { id: 'old', secret: randomBytes(32) }
const newKey = { id: 'new', secret: randomBytes(32) }
const leaseMs = 5000

let link: RedisLink
let store: SessionStore
let turns: RefreshTurns

beforeAll(async () => {
  link = await testLink(redisSettingsFor((await testRedis()).port))
  store = new SessionStore(link.store, link.keys, new Sealer([oldKey]))
  turns = new RefreshTurns(link.store, link.keys, store)
})

function aSession(more: Partial<Session> = {}): Session {
  const nowS = Math.floor(Date.now() / 1000)
  return {
    id: randomBytes(16).toString('hex'),
    version: 1,
    revocation: neverLookedUp(),
    issuer: 'https://idp.test',
    subject: 'alice',
    providerSid: undefined,
    acr: undefined,
    authTimeS: undefined,
    claims: { name: 'Alice' },
    device: { id: randomBytes(16).toString('hex'), address: '192.0.2.7', userAgent: 'a browser' },
    lifetime: { idleMs: 60_000, absoluteMs: 600_000 },
    createdAtS: nowS,
    endsAtS: nowS + 600,
    tokens: {
      accessToken: 'an-access-token',
      refreshToken: 'a-refresh-token',
      idToken: undefined,
      accessExpiresAtS: nowS + 300,
      scope: undefined,
    },
    ...more,
  }
}

async function stored(more: Partial<Session> = {}): Promise<Session> {
  const session = aSession(more)
  await store.create(session)
  return session
}

const nextOf = (session: Session): Session => ({ ...session, version: session.version + 1 })

async function turnOf(session: Session, ms = leaseMs): Promise<RefreshTurn> {
  const begun = await turns.begin(session, ms)
  expect(begun.kind).toBe('yours')
  return begun as RefreshTurn
}

const lifeOf = async (id: string) => Number(await link.store.call('PTTL', link.keys.session(id)))

test('a session opens as it was stored, for those who do not have it yet', async () => {
  const session = await stored()

  expect(await store.use(session.id, 0)).toEqual(session)
  expect(await store.use(session.id, 1)).toBe('same')
  expect(await store.use(randomBytes(16).toString('hex'), 0)).toBe('gone')
})

test('use lengthens its life by the idle time, up to its absolute end', async () => {
  const session = await stored()
  await link.store.call('PEXPIRE', link.keys.session(session.id), 10_000)
  await store.use(session.id, 1)
  expect(await lifeOf(session.id)).toBeGreaterThan(58_000)

  const ending = await stored({ endsAtS: Math.floor(Date.now() / 1000) + 5 })
  await store.use(ending.id, 1)
  expect(await lifeOf(ending.id)).toBeLessThanOrEqual(5000)
})

test('looking at it, and refreshing it, are no use of it', async () => {
  const session = await stored()
  await link.store.call('PEXPIRE', link.keys.session(session.id), 5000)
  await store.look(session.id)
  await turns.store(nextOf(session), await turnOf(session))

  expect(await lifeOf(session.id)).toBeLessThanOrEqual(5000)
})

test('S-104: a blob of another session, or of an earlier version, opens nothing', async () => {
  const [one, other] = [await stored(), await stored()]
  const blob = (await link.store.callBuffer('HGET', link.keys.session(one.id), 'b')) as Buffer
  await link.store.call('HSET', link.keys.session(other.id), 'b', blob)
  expect(await store.use(other.id, 0)).toBe('unreadable')
  expect(await store.look(other.id)).toBeUndefined()

  await turns.store(nextOf(one), await turnOf(one))
  await link.store.call('HSET', link.keys.session(one.id), 'b', blob)
  expect(await store.use(one.id, 0)).toBe('unreadable')
})

test('a session outlives a rotation of the key, and is found by its person; not that its key is taken out', async () => {
  const session = await stored({ subject: 'rotated' })
  const between = new SessionStore(link.store, link.keys, new Sealer([newKey, oldKey]))
  const after = new SessionStore(link.store, link.keys, new Sealer([newKey]))

  expect(await between.use(session.id, 0)).toEqual(session)
  expect(await between.idsOf(session)).toEqual([session.id])
  expect(await after.use(session.id, 0)).toBe('unreadable')
})

test('of one person a hundred are listed, and of the others the one that ends first is named as too many', async () => {
  const nowS = Math.floor(Date.now() / 1000)
  const sessions = Array.from({ length: 100 }, (_, i) => aSession({ subject: 'everywhere', endsAtS: nowS + 1000 - i }))
  const surplus: (readonly string[])[] = []
  for (const session of sessions) surplus.push(await store.create(session))
  const late = await store.create(aSession({ subject: 'everywhere', endsAtS: nowS + 2000 }))
  const soon = await store.create(aSession({ subject: 'everywhere', endsAtS: nowS + 10 }))

  expect(surplus.flat()).toEqual([])
  expect(late).toEqual([sessions[99]!.id])
  expect(soon).toEqual([sessions[99]!.id])
  expect((await store.idsOf(sessions[0]!)).length).toBe(102)
})

test('lists forget what has ended, and are gone with the last of it', async () => {
  const nowS = Math.floor(Date.now() / 1000)
  const short = await stored({ subject: 'brief', endsAtS: nowS + 1 })
  await sleep(1100)
  const long = await stored({ subject: 'brief' })
  expect(await store.idsOf(long)).toEqual([long.id])

  await store.remove(long)
  expect(await store.idsOf(long)).toEqual([])
  expect(await link.store.call('EXISTS', link.keys.sessionsOf('device', short.device.id))).toBe(0)
})

test('of many that begin at once one has the turn, and the others wait no longer than its lease', async () => {
  const session = await stored()
  const begun = await Promise.all(Array.from({ length: 50 }, () => turns.begin(session, leaseMs)))

  expect(begun.filter(({ kind }) => kind === 'yours').length).toBe(1)
  const waiting = begun.filter((each) => each.kind === 'wait')
  expect(waiting.length).toBe(49)
  expect(Math.max(...waiting.map(({ leftMs }) => leftMs))).toBeLessThanOrEqual(leaseMs)
})

test('what one has stored all get, and nobody refreshes it again', async () => {
  const session = await stored()
  const next = nextOf(session)
  expect(await turns.store(next, await turnOf(session))).toBe('stored')

  expect(await turns.begin(session, leaseMs)).toEqual({ kind: 'newer', session: next })
  expect(await store.use(session.id, 1)).toEqual(next)
})

test('a turn that is renewed is not lost, and one that is not is: the next one is told that it was left', async () => {
  const session = await stored()
  const turn = await turnOf(session, 3000)
  expect(turn.orphaned).toBe(false)
  for (const startedMs = performance.now(); performance.now() - startedMs < 3500; ) {
    await sleep(300)
    expect(await turns.renew(session, turn, 3000)).toBe(true)
  }
  expect((await turns.begin(session, leaseMs)).kind).toBe('wait')
  await turns.renew(session, turn, 10)
  await sleep(30)
  expect((await turnOf(session)).orphaned).toBe(true)
  expect(await turns.renew(session, turn, 60)).toBe(false)
})

test('late tokens are taken while nothing newer is there, a late failure is not', async () => {
  const session = await stored()
  const late = await turnOf(session, 20)
  await sleep(40)
  await turnOf(session)
  expect(await turns.fail(session, late, 'refused', 5000)).toBe('superseded')
  expect((await turns.begin(session, leaseMs)).kind).toBe('wait')
  expect(await turns.store(nextOf(session), late)).toBe('stored')

  expect((await turns.begin(session, leaseMs)).kind).toBe('newer')
})

test('a late loser destroys no newer tokens', async () => {
  const session = await stored()
  const late = await turnOf(session, 20)
  await sleep(40)
  const winner = nextOf({ ...session, claims: { name: 'the newer' } })
  await turns.store(winner, await turnOf(session))

  expect(await turns.store(nextOf(session), late)).toBe('superseded')
  expect(await turns.fail(session, late, 'refused', 5000)).toBe('superseded')
  expect(await store.use(session.id, 1)).toEqual(winner)
})

test('tokens heal what a failover has forgotten: an older version there is no newer one', async () => {
  const session = await stored()
  const known = { ...session, version: 5 }

  expect(await turns.store(nextOf(known), await turnOf(known))).toBe('stored')
  expect(await store.use(session.id, 5)).toEqual(nextOf(known))
})

test('a failure is remembered for a while, and gives the turn back', async () => {
  const session = await stored()
  expect(await turns.fail(session, await turnOf(session), 'unavailable', 2000)).toBe('kept')
  expect(await turns.begin(session, leaseMs)).toEqual({ kind: 'failed', why: 'unavailable' })
  await sleep(2020)
  expect((await turnOf(session)).orphaned).toBe(false)
})

test('nothing is made of a session that has ended meanwhile', async () => {
  const session = await stored()
  const turn = await turnOf(session)
  await store.remove(session)

  expect(await turns.store(nextOf(session), turn)).toBe('gone')
  expect(await turns.fail(session, turn, 'refused', 5000)).toBe('gone')
  expect(await turns.begin(session, leaseMs)).toEqual({ kind: 'gone' })
  expect(await turns.renew(session, turn, leaseMs)).toBe(false)
  expect(await link.store.call('EXISTS', link.keys.session(session.id))).toBe(0)
})

test('where Redis has no memory left, sessions that there are are read, and one at a time refreshes them', async () => {
  const session = await stored()
  await link.store.call('CONFIG', 'SET', 'maxmemory', '100kb')
  try {
    await expect(stored()).rejects.toThrow(/OOM/)
    expect(await store.use(session.id, 0)).toMatchObject({ id: session.id })
    const turn = await turnOf(session)
    expect(await turns.renew(session, turn, leaseMs)).toBe(true)
    expect((await turns.begin(session, leaseMs)).kind).toBe('wait')
    expect(await turns.store(nextOf(session), turn)).toBe('stored')
  } finally {
    await link.store.call('CONFIG', 'SET', 'maxmemory', '0')
  }
})

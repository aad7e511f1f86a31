// Sessions in a real Redis: which data a reader of Redis sees, which sessions can be decrypted, how long a session
// lasts, and which caller can refresh a session.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { noRevocationLookup } from '../../../gateway/oauth/token-facts.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { type RefreshLock, RefreshLocks } from '../../../gateway/sessions/refresh-locks.ts'
import type { Session } from '../../../gateway/sessions/session.ts'
import { SessionStore } from '../../../gateway/sessions/session-store.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

const oldKey = { id: 'old', secret: randomBytes(32) }
const newKey = { id: 'new', secret: randomBytes(32) }
const leaseMs = 5000

let port: number
let link: RedisLink
let store: SessionStore
let turns: RefreshLocks

beforeAll(async () => {
  ;({ port } = await testRedis())
  link = await testLink(redisSettingsFor(port))
  store = new SessionStore(link.store, link.keys, new Sealer([oldKey]))
  turns = new RefreshLocks(link.store, link.keys, store)
})

function aSession(more: Partial<Session> = {}): Session {
  const nowS = Math.floor(Date.now() / 1000)
  return {
    id: randomBytes(16).toString('hex'),
    version: 1,
    revocation: noRevocationLookup(),
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
  await store.create(session, Date.now())
  return session
}

const nextOf = (session: Session): Session => ({ ...session, version: session.version + 1 })

async function turnOf(session: Session, ms = leaseMs): Promise<RefreshLock> {
  const begun = await turns.begin(session, ms)
  expect(begun.kind).toBe('acquired')
  return begun as RefreshLock
}

const lifeOf = async (id: string) => Number(await link.store.call('PTTL', link.keys.session(id)))

test('the session store returns a session to a caller that does not have the current version', async () => {
  const session = await stored()

  expect(await store.use(session.id, 0)).toEqual(session)
  expect(await store.use(session.id, 1)).toBe('same')
  expect(await store.use(randomBytes(16).toString('hex'), 0)).toBe('gone')
})

test('each use of a session extends its life to the idle lifetime from now, but not beyond its absolute end', async () => {
  const session = await stored()
  await link.store.call('PEXPIRE', link.keys.session(session.id), 10_000)
  await store.use(session.id, 1)
  expect(await lifeOf(session.id)).toBeGreaterThan(40_000)

  const ending = await stored({ endsAtS: Math.floor(Date.now() / 1000) + 5 })
  await store.use(ending.id, 1)
  expect(await lifeOf(ending.id)).toBeLessThanOrEqual(5000)
})

test('reading a session without using it, or refreshing its tokens, does not extend the life of the session', async () => {
  const session = await stored()
  await link.store.call('PEXPIRE', link.keys.session(session.id), 5000)
  await store.read(session.id)
  await turns.store(nextOf(session), await turnOf(session))

  expect(await lifeOf(session.id)).toBeLessThanOrEqual(5000)
})

test('S-104: the session store does not decrypt data that were copied from another session or from an earlier version of the session', async () => {
  const [one, other] = [await stored(), await stored()]
  const blob = (await link.store.callBuffer('HGET', link.keys.session(one.id), 'b')) as Buffer
  await link.store.call('HSET', link.keys.session(other.id), 'b', blob)
  expect(await store.use(other.id, 0)).toBe('unreadable')
  expect(await store.read(other.id)).toBeUndefined()

  await turns.store(nextOf(one), await turnOf(one))
  await link.store.call('HSET', link.keys.session(one.id), 'b', blob)
  expect(await store.use(one.id, 0)).toBe('unreadable')
})

test('after a key rotation, a session stays readable and in the list of its person, until its key is removed', async () => {
  const session = await stored({ subject: 'rotated' })
  const between = new SessionStore(link.store, link.keys, new Sealer([newKey, oldKey]))
  const after = new SessionStore(link.store, link.keys, new Sealer([newKey]))

  expect(await between.use(session.id, 0)).toEqual(session)
  expect(await between.idsOf(session)).toEqual([session.id])
  expect(await after.use(session.id, 0)).toBe('unreadable')
})

test('when a person with 100 sessions gets a further session, the session store returns the earlier session that ends first, for the caller to end it', async () => {
  const nowS = Math.floor(Date.now() / 1000)
  const sessions = Array.from({ length: 100 }, (_, i) => aSession({ subject: 'everywhere', endsAtS: nowS + 1000 - i }))
  const surplus: (readonly string[] | 'logged-out')[] = []
  for (const session of sessions) surplus.push(await store.create(session, Date.now()))
  const late = await store.create(aSession({ subject: 'everywhere', endsAtS: nowS + 2000 }), Date.now())
  const soon = await store.create(aSession({ subject: 'everywhere', endsAtS: nowS + 10 }), Date.now())

  expect(surplus.flat()).toEqual([])
  expect(late).toEqual([sessions[99]!.id])
  expect(soon).toEqual([sessions[99]!.id])
  expect((await store.idsOf(sessions[0]!)).length).toBe(102)
})

test('the session store drops ended sessions from the list of a person, and deletes the list of a device with its last session', async () => {
  const nowS = Math.floor(Date.now() / 1000)
  const short = await stored({ subject: 'brief', endsAtS: nowS + 3 })
  await sleep(3100)
  const long = await stored({ subject: 'brief' })
  expect(await store.idsOf(long)).toEqual([long.id])

  await store.remove(long)
  expect(await store.idsOf(long)).toEqual([])
  expect(await link.store.call('EXISTS', link.keys.sessionsOf('device', short.device.id))).toBe(0)
})

test('of 50 callers that refresh a session concurrently, one gets the lock, and the other callers are told to wait, at most until the lock expires', async () => {
  const session = await stored()
  const begun = await Promise.all(Array.from({ length: 50 }, () => turns.begin(session, leaseMs)))

  expect(begun.filter(({ kind }) => kind === 'acquired').length).toBe(1)
  const waiting = begun.filter((each) => each.kind === 'wait')
  expect(waiting.length).toBe(49)
  expect(Math.max(...waiting.map(({ leftMs }) => leftMs))).toBeLessThanOrEqual(leaseMs)
})

test('refreshed tokens of a session are returned to later callers, so that no caller refreshes again', async () => {
  const session = await stored()
  const next = nextOf(session)
  expect(await turns.store(next, await turnOf(session))).toBe('stored')

  expect(await turns.begin(session, leaseMs)).toEqual({ kind: 'newer', session: next })
  expect(await store.use(session.id, 1)).toEqual(next)
})

test('a renewed refresh lock stays held, and an expired refresh lock passes to the next caller, who learns that the previous holder did not finish', async () => {
  const session = await stored()
  const turn = await turnOf(session, 3000)
  expect(turn.orphaned).toBe(false)
  expect(await turns.renew(session, turn, 60_000)).toBe(true)
  // The first lease of the refresh lock has ended by this time.
  await sleep(3100)
  expect(await turns.renew(session, turn, 60_000)).toBe(true)
  expect((await turns.begin(session, leaseMs)).kind).toBe('wait')
  await turns.renew(session, turn, 10)
  await sleep(30)
  expect((await turnOf(session)).orphaned).toBe(true)
  expect(await turns.renew(session, turn, 60)).toBe(false)
})

test('tokens of a caller whose refresh lock expired are stored if the session has no newer tokens, and a failure of that caller is not stored', async () => {
  const session = await stored()
  const late = await turnOf(session, 20)
  await sleep(40)
  await turnOf(session)
  expect(await turns.fail(session, late, 'refused', 5000)).toBe('superseded')
  expect((await turns.begin(session, leaseMs)).kind).toBe('wait')
  expect(await turns.store(nextOf(session), late)).toBe('stored')

  expect((await turns.begin(session, leaseMs)).kind).toBe('newer')
})

test('tokens and failures of a caller whose refresh lock expired do not overwrite newer tokens of the session', async () => {
  const session = await stored()
  const late = await turnOf(session, 20)
  await sleep(40)
  const winner = nextOf({ ...session, claims: { name: 'the newer' } })
  await turns.store(winner, await turnOf(session))

  expect(await turns.store(nextOf(session), late)).toBe('superseded')
  expect(await turns.fail(session, late, 'refused', 5000)).toBe('superseded')
  expect(await store.use(session.id, 1)).toEqual(winner)
})

test('refreshed tokens replace the stored session if it is an older version, as after a Redis failover', async () => {
  const session = await stored()
  const known = { ...session, version: 5 }

  expect(await turns.store(nextOf(known), await turnOf(known))).toBe('stored')
  expect(await store.use(session.id, 5)).toEqual(nextOf(known))
})

test('`fail` stores a failed session refresh for the given time, and releases the lock', async () => {
  const session = await stored()
  expect(await turns.fail(session, await turnOf(session), 'unavailable', 60_000)).toBe('kept')
  expect(await turns.begin(session, leaseMs)).toEqual({ kind: 'failed', why: 'unavailable' })

  const other = await stored()
  await turns.fail(other, await turnOf(other), 'unavailable', 20)
  await sleep(40)
  expect((await turnOf(other)).orphaned).toBe(false)
})

test('a session that ended during its refresh is not created again', async () => {
  const session = await stored()
  const turn = await turnOf(session)
  await store.remove(session)

  expect(await turns.store(nextOf(session), turn)).toBe('gone')
  expect(await turns.fail(session, turn, 'refused', 5000)).toBe('gone')
  expect(await turns.begin(session, leaseMs)).toEqual({ kind: 'gone' })
  expect(await turns.renew(session, turn, leaseMs)).toBe(false)
  expect(await link.store.call('EXISTS', link.keys.session(session.id))).toBe(0)
})

test('when Redis is out of memory, existing sessions are still read and refreshed', async () => {
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

const issuer = 'https://idp.test'
const rememberMs = 60_000
/**
 * Time at which the event log of the cluster recorded the logout, ms. The logout token was issued in the same second.
 */
const eventMs = 1_800_000_000_000
const logout = { issuedAtS: 1_800_000_000, rememberMs }
const aName = () => randomBytes(8).toString('hex')

test.each([
  ['auth_time before iat', { authTimeS: 1_799_999_999 }, eventMs + 1, 'logged-out'],
  ['auth_time in the second of iat', { authTimeS: 1_800_000_000 }, eventMs - 1, []],
  ['auth_time after iat', { authTimeS: 1_800_000_001 }, eventMs - 1, []],
  ['no auth_time, begun before the logout arrived', {}, eventMs - 1, 'logged-out'],
  ['no auth_time, begun after the logout arrived', {}, eventMs, []],
] as const)(
  'after a logout of the person at the issuer, a login with %s (%j, begun at %d ms) has the result %j ([]: stored)',
  async (_, more, begunAfterMs, outcome) => {
    const subject = aName()
    await store.logOut({ issuer, subject }, logout, eventMs)
    const session = aSession({ subject, ...more })

    expect(await store.create(session, begunAfterMs)).toEqual(outcome)
    const isStored = outcome !== 'logged-out'
    expect(await store.idsOf({ issuer, subject })).toEqual(isStored ? [session.id] : [])
    expect(await store.read(session.id)).toEqual(isStored ? expect.anything() : undefined)
    // The logout does not apply to another person, or to the same subject at another issuer.
    expect(await store.create(aSession({ subject: aName() }), 0)).toEqual([])
    expect(await store.create(aSession({ subject, issuer: 'https://other.test' }), 0)).toEqual([])
  },
)

test('a logout token that arrives late does not weaken a newer logout of the same person', async () => {
  const subject = aName()
  await store.logOut({ issuer, subject }, logout, eventMs)
  await store.logOut({ issuer, subject }, { issuedAtS: logout.issuedAtS - 10, rememberMs }, eventMs - 10_000)

  expect(await store.create(aSession({ subject, authTimeS: logout.issuedAtS - 5 }), eventMs)).toBe('logged-out')
  expect(await store.create(aSession({ subject }), eventMs - 5000)).toBe('logged-out')
})

test('after a logout by sid, a login with that sid is refused even with a later auth_time, and a login with another sid is stored', async () => {
  const [subject, sid] = [aName(), aName()]
  await store.logOut({ issuer, sid }, logout, eventMs)
  const late = { subject, authTimeS: logout.issuedAtS + 1000 }

  expect(await store.create(aSession({ ...late, providerSid: sid }), eventMs + 1)).toBe('logged-out')
  expect(await store.idsOf({ issuer, subject })).toEqual([])
  expect(await store.create(aSession({ ...late, providerSid: aName() }), 0)).toEqual([])
  expect(await store.create(aSession(late), 0)).toEqual([])
})

test('the session store lists more than 100 sessions of one sid without returning any of them as surplus sessions to end', async () => {
  const sid = aName()
  const sessions = Array.from({ length: 105 }, () => aSession({ subject: aName(), providerSid: sid }))
  const outcomes: unknown[] = []
  for (const session of sessions) outcomes.push(await store.create(session, Date.now()))

  expect(outcomes.flat()).toEqual([])
  expect((await store.logOut({ issuer, sid }, logout, eventMs)).sort()).toEqual(sessions.map(({ id }) => id).sort())
})

test.each(['sid', 'subject'] as const)(
  'the session store remembers a logout by %s for the time that the caller states',
  async (kind) => {
    const name = aName()
    const selector = kind === 'sid' ? { issuer, sid: name } : { issuer, subject: name }
    await store.logOut(selector, { issuedAtS: 1_800_000_000, rememberMs: 43_200_000 + 900_000 }, eventMs)

    const pattern = link.keys.logoutAtIssuer(kind, '*').replaceAll(/[{}]/g, '*')
    const lives: number[] = []
    for (const key of (await link.store.call('KEYS', pattern)) as string[]) {
      lives.push(Number(await link.store.call('PTTL', key)))
    }
    expect(Math.max(...lives)).toBeGreaterThan(43_200_000 + 900_000 - 60_000)
  },
)

test('a logout that one node stores is also applied by a node that lists its encryption keys in another order', async () => {
  const nodes = [
    [oldKey, newKey],
    [newKey, oldKey],
  ] as const
  const [before, after] = nodes.map((keys) => new SessionStore(link.store, link.keys, new Sealer(keys))) as [
    SessionStore,
    SessionStore,
  ]
  for (const [out, into] of [
    [before, after],
    [after, before],
  ] as const) {
    const [subject, sid] = [aName(), aName()]
    const listed = aSession({ subject, providerSid: sid })
    await into.create(listed, Date.now())

    expect(await out.logOut({ issuer, sid }, logout, eventMs)).toEqual([listed.id])
    expect(await out.logOut({ issuer, subject }, logout, eventMs)).toEqual([listed.id])
    expect(await into.create(aSession({ subject: aName(), providerSid: sid }), eventMs)).toBe('logged-out')
    expect(await into.create(aSession({ subject }), 0)).toBe('logged-out')
  }
})

test('after a key rotation, a login is still refused if a logout by sid, or a logout by person later than its auth_time, was stored before', async () => {
  const [subject, sid] = [aName(), aName()]
  await store.logOut({ issuer, sid }, logout, eventMs)
  await store.logOut({ issuer, subject }, logout, eventMs)
  const rotated = new SessionStore(link.store, link.keys, new Sealer([newKey, oldKey]))
  const bySid = aSession({ subject: aName(), providerSid: sid, authTimeS: logout.issuedAtS + 1000 })
  const bySubject = aSession({ subject, authTimeS: logout.issuedAtS - 1 })

  expect(await rotated.create(bySid, eventMs + 1)).toBe('logged-out')
  expect(await rotated.create(bySubject, eventMs + 1)).toBe('logged-out')
  expect(await rotated.idsOf({ issuer, sid })).toEqual([])
  expect(await rotated.idsOf({ issuer, subject })).toEqual([])
  expect(await rotated.create(aSession({ subject, providerSid: aName(), authTimeS: logout.issuedAtS }), 0)).toEqual([])
})

test('a logout by sid and person refuses only logins that match both, before and after a key rotation', async () => {
  const [subject, sid] = [aName(), aName()]
  await store.logOut({ issuer, sid }, { ...logout, subject }, eventMs)
  const rotated = new SessionStore(link.store, link.keys, new Sealer([newKey, oldKey]))

  for (const each of [store, rotated]) {
    expect(await each.create(aSession({ subject, providerSid: sid }), eventMs + 1)).toBe('logged-out')
    expect(await each.create(aSession({ subject: aName(), providerSid: sid }), eventMs + 1)).toEqual([])
    expect(await each.create(aSession({ subject, providerSid: aName() }), eventMs + 1)).toEqual([])
  }
})

test.each(['sid', 'subject'] as const)(
  'a login concurrent with a logout by %s is refused, or the logout finds the session of the login',
  async (kind) => {
    const { store: other } = await testLink(redisSettingsFor(port))
    const elsewhere = new SessionStore(other, link.keys, new Sealer([oldKey]))
    const outcomes = { refused: 0, found: 0 }
    for (let round = 0; round < 400; round++) {
      const [subject, sid] = [aName(), aName()]
      const session = aSession({ subject, providerSid: sid, authTimeS: logout.issuedAtS - 1 })
      const selector = kind === 'sid' ? { issuer, sid } : { issuer, subject }
      // A login takes two round trips to Redis and a logout takes one. With different delays, the logout runs between
      // different steps of the login.
      const later = async () => {
        for (let i = 0; i < round % 4; i++) await other.call('PING')
        return elsewhere.logOut(selector, logout, eventMs)
      }
      const [created, ids] = await Promise.all([store.create(session, eventMs), later()])

      const isFound = ids.includes(session.id)
      if (created === 'logged-out') outcomes.refused++
      else outcomes.found += isFound ? 1 : 0
      expect({ round, created, isFound }).toSatisfy(() => created === 'logged-out' || isFound)
    }
    expect(outcomes.refused).toBeGreaterThan(0)
    expect(outcomes.found).toBeGreaterThan(0)
  },
)

test('a new session removes issuers whose last session ended more than a day ago from the list of session ends, and keeps other issuers', async () => {
  const nowS = Math.floor(Date.now() / 1000)
  const ends = [nowS - 25 * 3600, 'https://left.test', nowS - 23 * 3600, 'https://ended.test']
  await link.store.call('ZADD', link.keys.sessionEnds, ...ends)

  const { endsAtS } = await stored({ issuer: 'https://new.test' })

  const kept = link.store.call(
    'ZMSCORE',
    link.keys.sessionEnds,
    'https://left.test',
    'https://ended.test',
    'https://new.test',
  )
  expect(await kept).toEqual([null, String(nowS - 23 * 3600), String(endsAtS)])
})

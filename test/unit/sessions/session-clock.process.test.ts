import { randomBytes } from 'node:crypto'
import { afterEach, expect, test, vi } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import type { NewSession } from '../../../gateway/sessions/session.ts'
import { Sessions } from '../../../gateway/sessions/sessions.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// The wall clock of a node does not determine how long a session lasts: the clock of Redis does.

const ORIGIN = 'https://app.test'
const HOUR_MS = 3_600_000
const ABSOLUTE_MS = 600_000

const link = await testLink(redisSettingsFor((await testRedis()).port))
const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }])

afterEach(() => void vi.useRealTimers())

/** Starts the sessions of one node. */
function sessionsOfNode(): Sessions {
  const sessions = new Sessions({
    link,
    sealer,
    cacheEntries: 100,
    ended: () => false,
    revoked: () => false,
    absoluteMs: () => ABSOLUTE_MS,
    lastEventMs: () => Date.now(),
    revoke: () => Promise.reject(new Error('nothing is revoked here')),
    refreshQueue: { add: () => {} },
    trade: () => Promise.reject(new Error('nothing is refreshed here')),
    askClaims: async () => ({ none: 'no UserInfo endpoint' }),
    log: () => {},
  } as ConstructorParameters<typeof Sessions>[0])
  atEnd(() => sessions.close())
  return sessions
}

async function login(sessions: Sessions) {
  const login = {
    issuer: 'https://issuer.test',
    subject: randomBytes(4).toString('hex'),
    origin: ORIGIN,
    claims: {},
    device: { address: '192.0.2.7', userAgent: 'a browser' },
    lifetime: { idleMs: 60_000, absoluteMs: ABSOLUTE_MS },
    begunAfterMs: Date.now(),
    tokens: { accessToken: 'a' },
  } as unknown as NewSession
  const opened = await sessions.create(login)
  if (opened === 'logged-out') throw new Error('the new session was refused')
  return opened
}

function shiftClock(shiftMs: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + shiftMs })
}

test.each([
  ['ahead', HOUR_MS],
  ['behind', -HOUR_MS],
])('a session of a login at a node whose clock is one hour %s lasts for its absolute lifetime', async (_, shiftMs) => {
  const startS = Math.floor(Date.now() / 1000)
  shiftClock(shiftMs)
  const { cookie, session } = await login(sessionsOfNode())
  vi.useRealTimers()
  const endS = Math.ceil(Date.now() / 1000)

  expect(session.createdAtS).toBeGreaterThanOrEqual(startS)
  expect(session.createdAtS).toBeLessThanOrEqual(endS)
  expect(session.endsAtS - session.createdAtS).toBe(ABSOLUTE_MS / 1000)
  expect(await sessionsOfNode().find(cookie, ORIGIN)).toMatchObject({ id: session.id })
})

test('a node whose clock is set back finds that a cached session has ended because of its idle lifetime', async () => {
  const sessions = sessionsOfNode()
  const { cookie, session } = await login(sessions)
  expect(sessions.find(cookie, ORIGIN)).toMatchObject({ id: session.id })

  shiftClock(-HOUR_MS)
  await link.store.call('PEXPIRE', link.keys.session(session.id), 0)
  expect(await sessions.find(cookie, ORIGIN)).toBeUndefined()
})

test('a node whose clock is set back reads a cached session from Redis once, and then uses its memory again', async () => {
  const sessions = sessionsOfNode()
  const { cookie, session } = await login(sessions)

  shiftClock(-HOUR_MS)
  const read = sessions.find(cookie, ORIGIN)
  expect(read).toBeInstanceOf(Promise)
  expect(await read).toMatchObject({ id: session.id })
  expect(sessions.find(cookie, ORIGIN)).toMatchObject({ id: session.id })
})

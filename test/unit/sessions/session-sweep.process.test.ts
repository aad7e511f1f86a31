import { randomBytes } from 'node:crypto'
import { afterEach, expect, test, vi } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import type { NewSession, Session } from '../../../gateway/sessions/session.ts'
import { Sessions } from '../../../gateway/sessions/sessions.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// A node does not keep the tokens of sessions that are over in its memory.

const ORIGIN = 'https://app.test'
const IDLE_MS = 60_000
const ABSOLUTE_MS = 90_000

/** Ids of sessions that a revocation has ended. */
const ended = new Set<string>()
const sessions = new Sessions({
  link: await testLink(redisSettingsFor((await testRedis()).port)),
  sealer: new Sealer([{ id: 'k', secret: randomBytes(32) }]),
  cacheEntries: 100,
  ended: ({ id }: Session) => ended.has(id),
  revoked: () => false,
  absoluteMs: () => ABSOLUTE_MS,
  lastEventMs: () => Date.now(),
  log: () => {},
} as unknown as ConstructorParameters<typeof Sessions>[0])
atEnd(() => sessions.close())

afterEach(() => void vi.useRealTimers())

async function logIn() {
  const opened = await sessions.create({
    issuer: 'https://issuer.test',
    subject: randomBytes(4).toString('hex'),
    origin: ORIGIN,
    claims: {},
    device: { address: '192.0.2.7', userAgent: 'a browser' },
    lifetime: { idleMs: IDLE_MS, absoluteMs: ABSOLUTE_MS },
    begunAfterMs: Date.now(),
    tokens: { accessToken: 'a' },
  } as unknown as NewSession)
  if (opened === 'logged-out') throw new Error('the new session was refused')
  return opened
}

function moveClock(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}

test('a node drops an idle session from its memory, and keeps one that is in use', async () => {
  await logIn()
  const used = await logIn()
  moveClock(IDLE_MS - 1000)
  expect(sessions.find(used.cookie, ORIGIN)).toMatchObject({ id: used.session.id })
  moveClock(2000)
  sessions.sweep(1)

  expect(sessions.cached).toBe(1)
  expect(sessions.find(used.cookie, ORIGIN)).toMatchObject({ id: used.session.id })
  moveClock(ABSOLUTE_MS)
  sessions.sweep(1)
  expect(sessions.cached).toBe(0)
})

test('a node drops a revoked session from its memory', async () => {
  const { session } = await logIn()
  ended.add(session.id)
  sessions.sweep(1)

  expect(sessions.cached).toBe(0)
})

test('repeated sweeps of a sixtieth of the memory examine each session in the memory of a node', async () => {
  for (let n = 0; n < 90; n++) await logIn()
  expect(sessions.cached).toBe(90)
  moveClock(IDLE_MS)
  for (let n = 0; n < 90; n++) sessions.sweep(1 / 60)

  expect(sessions.cached).toBe(0)
})

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  CONSOLE_ABSOLUTE_MS,
  CONSOLE_IDLE_MS,
  CONSOLE_SESSIONS_MAX,
  CONSOLE_SESSIONS_OF_PERSON_MAX,
} from '../../../gateway/admin/login/console-session.ts'
import { ConsoleSessions } from '../../../gateway/admin/login/console-sessions.ts'
import { Sealer } from '../../../gateway/base/sealer.ts'

// Sessions of the console of a node without Redis.

function sessionsAt(startMs = 1_000_000) {
  const clock = { ms: startMs }
  const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }], 'console')
  const sessions = new ConsoleSessions(sealer, undefined, () => clock.ms)
  const open = (who = 'olga', credential: 'access token' | 'bootstrap token' = 'access token') =>
    sessions.open({
      token: `token of ${who}`,
      credential,
      who,
      client: undefined,
      refreshToken: undefined,
      tokenEndsAtMs: undefined,
      endsAtMs: clock.ms + CONSOLE_ABSOLUTE_MS,
    })
  return { clock, sessions, open }
}

test('a console session ends after the idle time without a call, and each call restarts the idle time', async () => {
  const { clock, sessions, open } = sessionsAt()
  const value = await open()
  clock.ms += CONSOLE_IDLE_MS - 1
  expect((await sessions.find(value))?.session.who).toBe('olga')
  clock.ms += CONSOLE_IDLE_MS - 1
  expect(await sessions.find(value)).toBeDefined()
  clock.ms += CONSOLE_IDLE_MS
  expect(await sessions.find(value)).toBeUndefined()
})

test('a console session in use ends after the maximum lifetime', async () => {
  const { clock, sessions, open } = sessionsAt()
  const endMs = clock.ms + CONSOLE_ABSOLUTE_MS
  const value = await open()
  while (clock.ms + CONSOLE_IDLE_MS / 2 < endMs) {
    expect(await sessions.find(value)).toBeDefined()
    clock.ms += CONSOLE_IDLE_MS / 2
  }
  clock.ms = endMs
  expect(await sessions.find(value)).toBeUndefined()
})

test('when a person opens more console sessions than permitted, the least recently used console session of this person ends', async () => {
  const { sessions, open } = sessionsAt()
  const other = await open('rita')
  const bootstrap = await open('olga', 'bootstrap token')
  const values: string[] = []
  for (let i = 0; i < CONSOLE_SESSIONS_OF_PERSON_MAX; i++) values.push(await open())
  await sessions.find(values[0]!)
  await open()
  const found = await Promise.all(values.map((value) => sessions.find(value)))
  expect(found.map((each) => each !== undefined)).toEqual(values.map((_, i) => i !== 1))
  expect(await sessions.find(other)).toBeDefined()
  expect(await sessions.find(bootstrap)).toBeDefined()
})

test('when a node has the maximum number of console sessions, the least recently used console session of all persons ends', async () => {
  const { sessions, open } = sessionsAt()
  const values: string[] = []
  for (let i = 0; i <= CONSOLE_SESSIONS_MAX; i++) values.push(await open(`person ${i}`))
  expect(await sessions.find(values[0]!)).toBeUndefined()
  expect(await sessions.find(values[1]!)).toBeDefined()
  expect(await sessions.find(values.at(-1)!)).toBeDefined()
})

test('the cookie value of another process, a changed cookie value and a cookie value after a log-out open no console session', async () => {
  const { sessions, open } = sessionsAt()
  const value = await open()
  expect(await sessionsAt().sessions.find(value)).toBeUndefined()
  expect(await sessions.find(`${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`)).toBeUndefined()
  await sessions.end((await sessions.find(value))!)
  expect(await sessions.find(value)).toBeUndefined()
})

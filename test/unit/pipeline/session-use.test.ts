import { expect, test } from 'vitest'
import { SessionUse } from '../../../gateway/pipeline/exchange/session-use.ts'
import type { Gate } from '../../../gateway/pipeline/gate.ts'
import type { Session } from '../../../gateway/sessions/session.ts'

// The messages of a stream's client keep its login session in use. Without such messages, the session ends after its
// idle lifetime.

const idleMs = 600_000
const session = { id: 's', version: 1, lifetime: { idleMs, absoluteMs: 36_000_000 } } as Session

/** @param lastUseMs  time of the last use of the session on any node, ms; `undefined`: the session has ended */
function useOf(lastUseMs?: number): { use: SessionUse; reports: () => number } {
  let reports = 0
  const sessions = { use: () => reports++, lastUseMs: async () => lastUseMs }
  return {
    use: new SessionUse(session, sessions as unknown as NonNullable<Gate['sessions']>, 0),
    reports: () => reports,
  }
}

test('a stream reports the use of its login session at most once per tenth of the idle lifetime of the session', () => {
  const { use, reports } = useOf()
  for (let nowMs = 0; nowMs < idleMs / 10; nowMs += 1000) use.note(session, nowMs)
  expect(reports()).toBe(0)
  for (let nowMs = idleMs / 10; nowMs < idleMs; nowMs += 1000) use.note(session, nowMs)
  expect(reports()).toBe(9)
})

test('a stream treats its login session as idle when the client has sent no message for the idle lifetime of the session', () => {
  const { use } = useOf()
  expect(use.isIdle(idleMs - 1)).toBe(false)
  expect(use.isIdle(idleMs)).toBe(true)
  use.note(session, idleMs - 1)
  expect(use.isIdle(idleMs)).toBe(false)
  expect(use.isIdle(2 * idleMs - 1)).toBe(true)
})

test('for a stream, a login session is idle only when the idle lifetime has passed since the last use of the session by other requests', async () => {
  const { use } = useOf(idleMs - 10)
  expect(await use.isUsedElsewhere(session, idleMs)).toBe(true)
  expect(use.isIdle(2 * idleMs - 11)).toBe(false)
  expect(use.isIdle(2 * idleMs - 10)).toBe(true)
})

test('a stream treats a login session that has ended as not used by other requests', async () => {
  const { use } = useOf()
  expect(await use.isUsedElsewhere(session, idleMs)).toBe(false)
})

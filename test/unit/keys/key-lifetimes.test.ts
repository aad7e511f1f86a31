import { expect, test } from 'vitest'
import { KeyRings } from '../../../gateway/config/key-rings.ts'
import { lifetimeMs, localUse } from '../../../gateway/keys/key-lifetimes.ts'
import type { IssuerRules } from '../../../gateway/oauth/token-facts.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
/** An issuer with the two members that decide how long its data are used. */
const issuer = (members: { readonly loginMs?: number; readonly cacheMs?: number; readonly staleMs?: number }) =>
  ({
    login: members.loginMs && { lifetime: { absoluteMs: members.loginMs } },
    introspection: members.cacheMs && { cacheMs: members.cacheMs, keepStaleMs: members.staleMs },
  }) as unknown as IssuerRules

test.each([
  { kind: 'assertion', issuers: [issuer({ loginMs: 12 * hourMs })], lifetime: 2 * minuteMs },
  { kind: 'audit', issuers: [], lifetime: 15 * minuteMs },
  { kind: 'policy', issuers: [issuer({ loginMs: 12 * hourMs })], lifetime: minuteMs },
  { kind: 'encryption', issuers: [], lifetime: hourMs },
  { kind: 'encryption', issuers: [issuer({ loginMs: minuteMs })], lifetime: hourMs },
  { kind: 'encryption', issuers: [issuer({ loginMs: 12 * hourMs }), issuer({})], lifetime: 12 * hourMs },
  { kind: 'encryption', issuers: [issuer({ loginMs: 12 * hourMs })], sessionsLeftMs: 3 * hourMs, lifetime: 3 * hourMs },
  { kind: 'encryption', issuers: [issuer({ loginMs: 12 * hourMs })], sessionsLeftMs: -1, lifetime: hourMs },
  { kind: 'encryption', issuers: [issuer({ cacheMs: hourMs, staleMs: 2 * hourMs })], lifetime: 3 * hourMs },
] as const)(
  'with the sessions and introspections of the policy, data that were written with a key for $kind are in use for $lifetime ms',
  ({ kind, issuers, lifetime, ...rest }) => {
    const left = 'sessionsLeftMs' in rest ? rest.sessionsLeftMs : undefined

    expect(lifetimeMs(kind, { issuers: () => issuers, auditRecentMs: 15 * minuteMs }, left)).toBe(lifetime)
  },
)

test('a process without a cluster needs an old key only if it wrote with that key, and only for a time after the last write', () => {
  let nowMs = 1_900_000_000_000
  const key = (id: string) => ({ id, secret: Buffer.alloc(32, id) })
  const rings = new KeyRings({ assertion: [], encryption: [key('k1'), key('k2')], audit: [], policy: [] }, () => nowMs)
  const neededUntilMs = localUse(rings, { issuers: () => [], auditRecentMs: 0 })
  expect(neededUntilMs('encryption', 'k1')).toBe(nowMs + hourMs)

  rings.encryption.appoint('k2')
  const switchedMs = nowMs
  nowMs += 10 * minuteMs
  expect(neededUntilMs('encryption', 'k1')).toBe(switchedMs + hourMs)
  expect(neededUntilMs('encryption', 'k2')).toBe(nowMs + hourMs)
  expect(neededUntilMs('encryption', 'k3')).toBe(0)
})

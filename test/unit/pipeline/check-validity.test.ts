// Directly before a request is forwarded, the gate checks its credential again with the current time.

import { expect, test } from 'vitest'
import { denial } from '../../../gateway/base/denial.ts'
import type { Shaped } from '../../../gateway/pipeline/exchange/exchange.ts'
import { checkValidity } from '../../../gateway/pipeline/phases/check-validity.ts'

const nowS = 1_800_000_000
const toleranceS = 5
const issuer = { issuer: 'https://idp.test', clockToleranceS: toleranceS }
const lifetime = { idleMs: 3_600_000, absoluteMs: 36_000_000 }

interface Case {
  readonly anonymous?: boolean
  /** Time from the check until the exp of the token, s; negative: exp has passed. */
  readonly expiresInS?: number
  readonly session?: { readonly endsInS: number; readonly ended?: boolean }
  readonly revoked?: boolean
  readonly stale?: boolean
  /** Whether the node runs without Redis, so that nothing can be revoked. */
  readonly alone?: boolean
}

/**
 * Returns an exchange that was decided 10 s before the check-validity phase, with only the members that this phase
 * reads.
 */
function exchangeOf({ anonymous, expiresInS = 60, session, revoked = false, stale = false, alone }: Case): Shaped {
  const x = {
    nowMs: (nowS - 10) * 1000,
    readClock() {
      x.nowMs = nowS * 1000
    },
    credential: 'token',
    facts: anonymous === true ? undefined : { issuer, expiresAtS: nowS + expiresInS },
    session: session && { issuer: issuer.issuer, createdAtS: nowS - 100, endsAtS: nowS + session.endsInS, lifetime },
    route: {
      logins: [],
      revocationStaleMs: 0,
      denials: { token: { 'token-revoked': denial('token-revoked') } },
    },
    runtime: { snapshot: { issuers: new Map([[issuer.issuer, { ...issuer, login: { lifetime } }]]) } },
    gate: {
      sessions: { ended: () => session?.ended === true },
      revocations: alone === true ? undefined : { revoked: () => revoked, stale: () => stale },
    },
  }
  return x as unknown as Shaped
}

test.each<[title: string, given: Case, reason: string | undefined, status?: number]>([
  ['a valid token', {}, undefined],
  ['no credential on a public route', { anonymous: true, revoked: true, stale: true }, undefined],
  ['a revoked token', { revoked: true }, 'token-revoked', 401],
  ['a token whose exp has passed within the clock tolerance', { expiresInS: -toleranceS + 1 }, undefined],
  ['a token whose exp and tolerance have passed', { expiresInS: -toleranceS }, 'expired-while-waiting', 503],
  [
    'a token whose exp and tolerance have passed, on a node without Redis',
    { expiresInS: -toleranceS, alone: true },
    'expired-while-waiting',
    503,
  ],
  ['a revoked token that has also expired', { revoked: true, expiresInS: -toleranceS }, 'token-revoked', 401],
  ['a token on a node with a stale replica', { stale: true }, 'revocation-stale', 503],
  ['a session that has not ended', { session: { endsInS: 60 } }, undefined],
  ['a session that was ended', { session: { endsInS: 60, ended: true } }, 'session-ended', 401],
  ['a session whose token is revoked', { session: { endsInS: 60 }, revoked: true }, 'session-ended', 401],
  ['a session past its maximum lifetime', { session: { endsInS: 0 } }, 'expired-while-waiting', 503],
])(
  'for %s (%j), the check-validity phase ends the exchange with: %s (undefined: the exchange continues)',
  (_title, given, reason, status) => {
    const verdict = checkValidity.run(exchangeOf(given))

    expect(verdict?.reason).toBe(reason)
    expect(verdict?.status).toBe(status)
  },
)

test('the check-validity phase sets the time of the exchange, which later phases use, to the current time', () => {
  const x = exchangeOf({})
  checkValidity.run(x)

  expect(x.nowMs).toBe(nowS * 1000)
})

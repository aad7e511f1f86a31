import { expect, test } from 'vitest'
import type { IssuerRules, TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { needsClaims, sessionFacts } from '../../../gateway/pipeline/identity/session-facts.ts'
import type { Session } from '../../../gateway/sessions/session.ts'

// All requirements read the authentication context class (`acr`) and the time of a login from the same token: `acr`,
// `max_age` and `claims` requirements.

const rules = { clockToleranceS: 5, login: { clientId: 'web', claimsMaxAgeMs: 3_600_000 } } as IssuerRules
const sessionOf = (login: Pick<Session, 'acr' | 'authTimeS'>) =>
  ({ subject: 'alice', claims: {}, tokens: {}, createdAtS: 1000, endsAtS: 2000, ...login }) as unknown as Session
const tokenOf = (acr: string | undefined, authTime: number | undefined) =>
  ({
    issuer: rules,
    subject: 'alice',
    acr,
    claims: { ...(acr && { acr }), ...(authTime && { auth_time: authTime }), role: 'r' },
  }) as unknown as TokenFacts

const weak = { acr: 'urn:weak', authTimeS: 900 }
const silent = { acr: undefined, authTimeS: undefined }

test.each([
  ['the ID token when both tokens have them', weak, tokenOf('urn:strong', 1), 'urn:weak', 900],
  ['the ID token when the access token lacks them', weak, tokenOf(undefined, undefined), 'urn:weak', 900],
  ['the access token when the ID token lacks them', silent, tokenOf('urn:strong', 1), 'urn:strong', 1],
  ['the ID token when the access token is for another recipient', weak, undefined, 'urn:weak', 900],
  ['no token when both lack them', silent, tokenOf(undefined, undefined), undefined, undefined],
])('the gate takes acr and auth_time of a login session from %s', (_, login, token, acr, authTime) => {
  const facts = sessionFacts(sessionOf(login), rules, token, 1_000_000)

  expect([facts.acr, facts.claims['acr'], facts.claims['auth_time']]).toEqual([acr, acr, authTime])
})

const staff = { groups: ['staff'] }
const aged = (more: object) => ({ ...sessionOf(silent), claims: { ...staff, amr: ['pwd'] }, ...more }) as Session
const atHour = (hours: number) => (1000 + hours * 3600) * 1000

test.each([
  ['of a login within the maximum age', aged({}), undefined, atHour(0.9), staff.groups],
  ['of an older login, also in a record without the time of its claims', aged({}), undefined, atHour(1), undefined],
  ['that the issuer stated again', aged({ claimsAtS: 1000 + 3600 }), undefined, atHour(1.9), staff.groups],
  ['of an old access token', aged({ claims: {} }), tokenOf(undefined, undefined), atHour(1), undefined],
])('claims about the user %s are used only while they are young enough', (_, session, token, nowMs, groups) => {
  const given = token && { ...token, claims: { ...token.claims, ...staff } }
  const facts = sessionFacts(session, rules, given, nowMs)

  expect(facts.claims['groups']).toEqual(groups)
})

test('the facts of a login session change when the claims about its user become too old, although the session stays the same', () => {
  const session = aged({})
  const before = sessionFacts(session, rules, undefined, atHour(0.5))

  expect(sessionFacts(session, rules, undefined, atHour(0.9))).toBe(before)
  expect(sessionFacts(session, rules, undefined, atHour(1)).claims).toMatchObject({ amr: ['pwd'] })
})

test('a login session needs newer claims about its user only if the route uses them, they are old, and the issuer has not refused them in the last minute', () => {
  const session = aged({})
  const needs = (each: Session, names: string[], hours: number) =>
    needsClaims(each, rules, undefined, names, atHour(hours))

  expect(needs(session, ['groups'], 0.9)).toBe(false)
  expect(needs(session, [], 2)).toBe(false)
  expect(needs(session, ['groups'], 2)).toBe(true)
  expect(needs(aged({ claimsRefusedAtS: 1000 + 7190 }), ['groups'], 2)).toBe(false)
  expect(needs(aged({ claimsRefusedAtS: 1000 + 7140 }), ['groups'], 2)).toBe(true)
})

test('if the access token of a login session is of another user than the ID token, the gate ignores its claims and scopes', () => {
  const token = { ...tokenOf(undefined, undefined), subject: 'mallory', scopes: new Set(['admin']) }
  const facts = sessionFacts(aged({}), rules, token, atHour(0))

  expect([facts.subject, [...facts.scopes], facts.claims['role']]).toEqual(['alice', [], undefined])
})

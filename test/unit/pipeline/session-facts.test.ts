import { expect, test } from 'vitest'
import type { IssuerRules, TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { sessionFacts } from '../../../gateway/pipeline/identity/session-facts.ts'
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
])('the acr and auth_time of a login session come from %s', (_, login, token, acr, authTime) => {
  const facts = sessionFacts(sessionOf(login), rules, token, 1_000_000)

  expect([facts.acr, facts.claims['acr'], facts.claims['auth_time']]).toEqual([acr, acr, authTime])
})

// The entries of docs/guide/issuers.md are valid, and validate tokens of each issuer's documented form as the page
// says. The tokens are built from the documentation of the issuers; none was issued by a real issuer.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { validateClaims, validateHeader } from '../../../gateway/oauth/access-token.ts'
import type { JsonObject } from '../../../gateway/oauth/json.ts'
import type { IssuerRules } from '../../../gateway/oauth/token-facts.ts'
import { snapshotOf } from '../policy/policy-text.ts'

const page = readFileSync(new URL('../../../docs/guide/issuers.md', import.meta.url), 'utf8')
const nowS = 1_795_000_000
const times = { iat: nowS - 60, exp: nowS + 540 }
const api = 'https://api.example'

/** Rules of the issuer in a section of the page, compiled in a complete policy. */
function rulesOf(section: string): IssuerRules {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`))!
  const [, block] = /```yaml\n([\s\S]*?)```/.exec(text)!
  const { issuers, services = {} } = parse(block!)
  const route = { id: 'orders.read', match: { path: '/orders/**' }, require: { scopes: { all: ['orders:read'] } } }
  const usual = { upstreams: ['http://orders:8080'], routes: [route] }
  const whole = Object.keys(services).length === 0 ? { orders: {} } : services
  const completed = Object.entries<object>(whole).map(([name, entry]) => [name, { ...usual, ...entry }])
  const policy = { version: 1, issuers, services: Object.fromEntries(completed) }
  const { issuers: rules } = snapshotOf(JSON.stringify(policy))
  return [...rules.values()][0]!
}

function judged(section: string, header: JsonObject, claims: JsonObject): unknown {
  const rules = rulesOf(section)
  const key = validateHeader({ alg: 'RS256', kid: '1', ...header }, rules)
  if (typeof key === 'string') return key
  const facts = validateClaims({ iss: rules.issuer, ...times, ...claims }, rules, nowS * 1000)
  if (typeof facts === 'string') return facts
  const { subject, client, scopes } = facts
  return { subject, client, scopes: [...scopes] }
}

const jwt = { typ: 'JWT' }
const user = { sub: 'u1' }

test.each<[section: string, what: string, header: JsonObject, claims: JsonObject, verdict: unknown]>([
  [
    'Keycloak',
    'a token with the mapper',
    jwt,
    { ...user, typ: 'Bearer', azp: 'web', aud: api, scope: 'orders:read' },
    { subject: 'u1', client: 'web', scopes: ['orders:read'] },
  ],
  ['Keycloak', 'a token without an audience mapper', jwt, { ...user, typ: 'Bearer', azp: 'web' }, 'token-audience'],
  ['Keycloak', 'an ID token', jwt, { ...user, typ: 'ID', azp: 'web', aud: api }, 'token-type'],
  [
    'Auth0',
    'a token of the RFC 9068 profile',
    { typ: 'at+jwt' },
    { ...user, client_id: 'web', aud: [api, 'https://t.auth0.com/userinfo'], scope: 'orders:read' },
    { subject: 'u1', client: 'web', scopes: ['orders:read'] },
  ],
  ['Auth0', "a token of Auth0's profile", jwt, { ...user, azp: 'web', aud: api }, 'token-type'],
  [
    'Microsoft Entra ID',
    'a token of version 2',
    jwt,
    { ...user, azp: 'web', aud: 'APPLICATION-ID', scp: 'Orders.Read', ver: '2.0' },
    { subject: 'u1', client: 'web', scopes: ['Orders.Read'] },
  ],
  [
    'Okta',
    'a token of a custom authorization server',
    {},
    { ...user, cid: 'web', aud: 'api://default', scp: ['orders:read'] },
    { subject: 'u1', client: 'web', scopes: ['orders:read'] },
  ],
  [
    'Google',
    'an ID token of a service account',
    jwt,
    { ...user, azp: '1', aud: api, email: 's@p.iam.gserviceaccount.com' },
    { subject: 'u1', client: '1', scopes: [] },
  ],
  [
    'Amazon Cognito',
    'a token with a resource',
    {},
    { ...user, token_use: 'access', client_id: 'web', aud: api, scope: `${api}/orders.read` },
    { subject: 'u1', client: 'web', scopes: [`${api}/orders.read`] },
  ],
  [
    'Amazon Cognito',
    'a token without a resource',
    {},
    { ...user, token_use: 'access', client_id: 'web' },
    'token-audience',
  ],
  ['Amazon Cognito', 'an ID token', {}, { ...user, token_use: 'id', aud: api }, 'token-type'],
])(
  'with the issuer entry for %s in docs/guide/issuers.md, the gate gives the documented verdict for %s',
  (section, _, header, claims, verdict) => {
    expect(judged(section, header, claims)).toEqual(verdict)
  },
)

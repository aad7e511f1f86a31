// `gatehouse check --from-audit` decides a recorded request only with facts that the audit record contains.

import { expect, test } from 'vitest'
import type { DecisionFacts } from '../../../gateway/audit/decision-facts.ts'
import { RecordReplay } from '../../../gateway/cli/replay/record-replay.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { issuerDigest } from '../../../gateway/policy/decision-inputs.ts'
import { readPolicy } from '../../../gateway/policy/policy-source.ts'

const issuer = 'https://idp.test'
const policyOf = (routes: string, entry = '') =>
  compilePolicy(
    readPolicy([
      {
        file: 'policy.yaml',
        bytes: Buffer.from(`version: 1
issuers:
  main:
    issuer: ${issuer}
    audience: [https://api.test]
    login: { client_id: web, client_secret: { env: SECRET }, scopes: [openid] }
${entry}
services:
  orders:
    upstreams: ["http://orders:8080"]
    routes:
${routes}
`),
      },
    ]),
  )

const candidate =
  policyOf(`      - { id: read, match: { path: /orders/**, methods: [GET] }, require: { scopes: { all: [r] } } }
      - { id: write, match: { path: /orders/**, methods: [POST] }, require: { scopes: { all: [w] } }, body: { max: 1KiB } }
      - { id: app, match: { path: /app/** }, require: { session: main } }
      - { id: strong, match: { path: /strong }, require: { all: [{ session: main }, { acr: [strong], max_age: 10m }] } }
      - { id: bound, match: { path: /bound }, require: { dpop: true } }
      - { id: night, match: { path: /night }, require: { all: [{ scopes: { all: [r] } }, { time: { from: "00:00", to: "06:00", zone: UTC } }] } }
      - { id: nested, match: { path: /nested }, require: { claims: { a.b: { any: [x] } } } }
      - { id: open, match: { path: /open }, require: public }`)
const rules = issuerDigest(candidate.issuers.get(issuer)!)
const replay = new RecordReplay(candidate)

const token: DecisionFacts = { credential: 'token', rules, scopes: ['r'], claims: {}, headers: {} }
const session: DecisionFacts = { ...token, credential: 'session', scopes: [] }
const none: DecisionFacts = { credential: 'none', headers: {} }
const unverified: DecisionFacts = { credential: 'unverified', headers: {} }

const record = (path: string, reason: string, facts: DecisionFacts | undefined, more: object = {}) => ({
  kind: 'exchange',
  time: '2030-01-31T12:00:00.000Z',
  'gatehouse.reason': reason,
  'gatehouse.decision': reason === 'admitted' ? 'admitted' : 'refused',
  'gatehouse.route': 'some',
  'gatehouse.issuer': issuer,
  'gatehouse.gate_ms': 1,
  'user.id': 'alice',
  'http.request.method': 'GET',
  'server.address': 'api.test',
  'url.path': path,
  'client.address': '203.0.113.7',
  ...(facts && { 'gatehouse.decision_facts': JSON.stringify(facts) }),
  ...more,
})

const nowS = Date.parse('2030-01-31T12:00:00Z') / 1000

test.each([
  ['a token with the scope', record('/orders/1', 'admitted', token), 'admitted'],
  ['a token without the scope', record('/orders/1', 'admitted', { ...token, scopes: [] }), 'scope-missing'],
  ['a rate-limited request', record('/orders/1', 'rate-limited', token), 'admitted'],
  [
    'a request whose upstream failed',
    record('/orders/1', 'upstream-timeout', token, { 'gatehouse.upstream': 'http://o' }),
    'admitted',
  ],
  ['a request without a credential', record('/orders/1', 'admitted', none), 'credential-missing'],
  ['an unverified credential on a public route', record('/open', 'token-expired', unverified), 'admitted'],
  ['an unknown path', record('/nothing', 'admitted', token), 'route-unknown'],
  ['a login session', record('/app/', 'admitted', session), 'admitted'],
  ['a token on a route for sessions', record('/app/', 'admitted', token), 'session-missing'],
  ['a redirect to the login', record('/app/', 'login-required', none), 'login-required'],
  [
    'a session with a recent strong login',
    record('/strong', 'admitted', { ...session, acr: 'strong', auth_time: nowS - 60 }),
    'admitted',
  ],
  [
    'a session with an old strong login',
    record('/strong', 'admitted', { ...session, acr: 'strong', auth_time: nowS - 6000 }),
    'authentication-insufficient',
  ],
  ['a token bound to a key', record('/bound', 'admitted', { ...token, bound: true }), 'admitted'],
  ['a bearer token on a route for bound tokens', record('/bound', 'admitted', token), 'dpop-required'],
  ['a revoked token', record('/orders/1', 'token-revoked', { ...token, scopes: [] }), 'token-revoked'],
  ['a revoked token on a route that became public', record('/open', 'token-revoked', token), 'admitted'],
  [
    'a token of an issuer that the candidate removed',
    record('/orders/1', 'admitted', token, { 'gatehouse.issuer': 'https://old.test' }),
    'token-issuer-unknown',
  ],
  [
    'a member of a claim that was absent',
    record('/nested', 'admitted', { ...token, claims: { '["a"]': null } }),
    'claim-mismatch',
  ],
  [
    'a member of a claim by its path',
    record('/nested', 'admitted', { ...token, claims: { '["a"]': {}, '["a","b"]': 'x' } }),
    'admitted',
  ],
])('a replay of the audit record of %s against a policy gives a decision', async (_, line, after) => {
  expect(await replay.replay(line)).toMatchObject({ before: expect.any(String), after })
})

test.each([
  ['no decision facts', record('/orders/1', 'admitted', undefined), /^decision facts/],
  ['an unverified credential', record('/orders/1', 'token-expired', unverified), /^a verified credential$/],
  ['a client id and secret', record('/orders/1', 'admitted', { ...token, credential: 'client' }), /^the scheme Basic/],
  ['a client certificate', record('/orders/1', 'admitted', { ...token, credential: 'certificate' }), /certificate$/],
  [
    'other rules of its issuer',
    record('/orders/1', 'admitted', { ...token, rules: 'other' }),
    /changed rules of issuer main$/,
  ],
  ['a claim that is not recorded', record('/nested', 'admitted', token), /^claim a$/],
  [
    'a member of a claim that is not recorded',
    record('/nested', 'admitted', { ...token, claims: { '["a"]': {} } }),
    /^claim a\.b$/,
  ],
  [
    'a body that was too large',
    record('/orders/1', 'body-too-large', token, { 'http.request.method': 'POST' }),
    /^the form/,
  ],
  [
    'a host outside the certificate of its connection',
    record('/orders/1', 'host-not-served', none, { 'gatehouse.route': undefined }),
    /^the form/,
  ],
  ['a path that was cut', record('/orders/…', 'admitted', token), /^the whole path$/],
  [
    'a begin of a WebSocket',
    record('/orders/1', 'admitted', token, { 'gatehouse.stream.event': 'opened' }),
    /^a WebSocket/,
  ],
  ['a failure of Redis', record('/orders/1', 'store-unavailable', token), /before it was decided$/],
  [
    'a time at the edge of a period',
    record('/night', 'admitted', token, { time: '2030-01-31T05:59:59.999Z', 'gatehouse.gate_ms': 5 }),
    /^the exact time$/,
  ],
])(
  'a replay of an audit record with %s against a policy reports that the decision cannot be determined',
  async (_, line, lacking) => {
    expect(await replay.replay(line)).toEqual({ undecidable: expect.stringMatching(lacking) })
  },
)

test.each([
  record('/oauth/login', 'login-begun', undefined, { 'gatehouse.decision': 'answered', 'gatehouse.route': undefined }),
  record('/orders/1', 'host-malformed', undefined, { 'gatehouse.route': undefined }),
  record('/orders/1', 'admitted', token, { 'gatehouse.stream.event': 'ended' }),
  record('/orders/1', 'certificate-expired', unverified, { 'gatehouse.route': undefined }),
  record('/oauth2/sign_out', 'method-not-mapped', none, { 'gatehouse.route': undefined }),
  { kind: 'admin' },
])('an audit record that contains no decision of the policy is not replayed: %j', async (line) => {
  expect(await replay.replay(line)).toEqual({ ignored: true })
})

test('the digest of an issuer entry changes with each rule for the tokens of the issuer', () => {
  const open = '      - { id: open, match: { path: /open }, require: public }'
  const digest = (entry: string) => issuerDigest(policyOf(open, entry).issuers.get(issuer)!)

  for (const entry of [
    'clock_tolerance: 9s',
    'scope_claim: scp',
    'client_claim: cid',
    'profile: any',
    'max_token_lifetime: 7m',
  ])
    expect([entry, digest(`    ${entry}`) === rules]).toEqual([entry, false])
  expect(digest('')).toBe(rules)
})

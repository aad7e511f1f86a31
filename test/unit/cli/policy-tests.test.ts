// docs/guide/policy.md, "Test a policy": `gatehouse check --tests` decides stated requests with the phases of the gate.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { readPolicyTests } from '../../../gateway/cli/policy-tests/read-policy-tests.ts'
import { runPolicyTests } from '../../../gateway/cli/policy-tests/run-policy-tests.ts'
import { ConfigError, formatProblem } from '../../../gateway/config/problem.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { loadPolicy, readPolicy } from '../../../gateway/policy/policy-source.ts'

const root = mkdtempSync(join(tmpdir(), 'policy-tests-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const policy = compilePolicy(
  readPolicy([
    {
      file: 'policy.yaml',
      bytes: Buffer.from(`version: 1
issuers:
  main:
    issuer: https://idp.test
    audience: [https://api.test]
    max_token_lifetime: 2m
    login: { client_id: web, client_secret: { env: SECRET }, scopes: [openid, "orders:read"] }
  partner:
    issuer: https://partner.test
    audience: [https://partner-api.test]
    tokens: opaque
    introspection: { client_id: gate, client_secret: { env: SECRET } }
services:
  orders:
    issuers: [main]
    upstreams: ["http://orders:8080"]
    roles: { manager: { claim: realm_access.roles, any: [order-manager] } }
    routes:
      - { id: read, match: { path: /orders/**, methods: [GET] }, require: { scopes: { all: ["orders:read"] } } }
      - id: write
        match: { path: /orders/**, methods: [POST] }
        require: { all: [{ scopes: { all: ["orders:write"] } }, { roles: { any: [manager] } }] }
        limits: [{ name: writes, by: subject, requests: 1, window: 60s }]
      - { id: bound, match: { path: /bound }, require: { dpop: true } }
      - { id: strong, match: { path: /strong }, require: { acr: [urn:strong], max_age: 10m } }
      - { id: app, match: { path: /app/** }, require: { session: main } }
      - id: night
        match: { path: /night }
        require: { all: [{ scopes: { all: [n] } }, { time: { from: "00:00", to: "06:00", zone: UTC } }] }
      - id: tenant
        match: { path: /tenant }
        require: { all: [{ scopes: { all: [t] } }, { headers: { x-tenant: { any: [acme] } } }] }
  partners:
    issuers: [partner]
    upstreams: ["http://partners:8080"]
    routes: [{ id: partner, match: { path: /partner }, require: { scopes: { all: [p] } } }]
  both:
    issuers: [main, partner]
    upstreams: ["http://both:8080"]
    routes: [{ id: both, match: { path: /both }, require: { scopes: { all: [b] } } }]
`),
    },
  ]),
)

function fileOf(text: string): string {
  const path = join(root, 'tests.yaml')
  writeFileSync(path, text)
  return path
}

/** Lines of the failed tests, without the folder of the file. */
async function failures(text: string): Promise<string[]> {
  try {
    const failed = await runPolicyTests(policy, readPolicyTests(fileOf(text)))
    return failed.map(formatProblem).map((line) => line.replace(`${root}/`, ''))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(formatProblem).map((line) => line.replace(`${root}/`, ''))
  }
}

/** A file with one test. */
const only = (entries: string) => `tests:\n  - { name: it, ${entries} }\n`

test.each([
  [
    'a token with the scope of the route is admitted',
    '/orders/1',
    'token: { scope: orders:read }',
    'status: 200, reason: admitted, route: read',
  ],
  ['a token has no default scope', '/orders/1', 'token: {}', 'status: 403, reason: scope-missing'],
  ['a request without a credential has no token', '/orders/1', '', 'status: 401, reason: credential-missing'],
  [
    'a stated claim wins over its default',
    '/orders/1',
    'token: { scope: orders:read, exp: 1 }',
    'reason: token-expired',
  ],
  [
    'a stated audience wins over its default',
    '/orders/1',
    'token: { scope: orders:read, aud: other }',
    'reason: token-audience',
  ],
  [
    'an unknown issuer is rejected',
    '/orders/1',
    'token: { iss: "https://evil.test", scope: orders:read }',
    'reason: token-issuer-unknown',
  ],
  [
    'a known issuer that the service does not list is rejected',
    '/orders/1',
    'token: { iss: "https://partner.test" }',
    'reason: token-issuer-not-accepted',
  ],
  ['the issuer of an opaque token is that of the route', '/partner', 'token: { scope: p }', 'reason: admitted'],
  ['an opaque token has no default scope', '/partner', 'token: {}', 'reason: scope-missing'],
  [
    'a token with cnf counts as proven',
    '/bound',
    'token: { cnf: { jkt: 0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I } }',
    'reason: admitted',
  ],
  ['a bearer token does not meet a DPoP requirement', '/bound', 'token: {}', 'reason: dpop-required'],
  ['a session is admitted', '/app/', 'session: {}', 'reason: admitted, route: app'],
  ['a token is no session', '/app/', 'token: {}', 'reason: session-missing'],
  [
    'a session has the scopes that the test states',
    '/orders/1',
    'session: { scope: orders:read }',
    'reason: credential-missing',
  ],
  ['no route is expected as null', '/nothing', '', 'status: 404, route: null'],
  ['a login without acr is too weak', '/strong', 'token: {}', 'status: 401, reason: authentication-insufficient'],
])('a policy test passes: %s', async (_, url, credential, expected) => {
  const entries = [`request: { url: ${url} }`, credential, `expect: { ${expected} }`].filter((each) => each !== '')

  expect(await failures(only(entries.join(', ')))).toEqual([])
})

test('a policy test can state method, header fields, address and time of its request', async () => {
  const text = `tests:
  - name: manager
    request: { method: POST, url: "https://api.test/orders/1" }
    token: { scope: orders:write, realm_access: { roles: [order-manager] } }
    expect: { reason: admitted, route: write }
  - name: limits are not charged
    request: { method: POST, url: /orders/1 }
    token: { scope: orders:write, realm_access: { roles: [order-manager] } }
    expect: { reason: admitted }
  - name: at night
    request: { url: /night, at: "2030-01-31T03:00:00Z" }
    token: { scope: n }
    expect: { reason: admitted }
  - name: by day
    request: { url: /night, at: "2030-01-31T12:00:00Z" }
    token: { scope: n }
    expect: { reason: time-outside }
  - name: tenant
    request: { url: /tenant, headers: { X-Tenant: acme } }
    token: { scope: t }
    expect: { reason: admitted }
  - name: two tenants
    request: { url: /tenant, headers: { x-tenant: [acme, acme] } }
    token: { scope: t }
    expect: { reason: header-mismatch }
  - name: a recent strong login
    request: { url: /strong, at: "2030-01-31T12:00:00Z" }
    token: { acr: urn:strong, auth_time: 1896090900 }
    expect: { reason: admitted }
  - name: a page of another site
    request: { method: POST, url: /app/x, headers: { origin: "https://evil.test" } }
    session: {}
    expect: { reason: cross-site }
  - name: a page of the same origin
    request: { method: POST, url: "https://api.test/app/x" }
    session: {}
    expect: { reason: admitted }
`
  expect(await failures(text)).toEqual([])
})

test('a failed policy test is reported with its place, the expected and the actual decision, and the unmet conditions', async () => {
  const text = `tests:
  - name: fine
    request: { url: /orders/1 }
    expect: { status: 401 }
  - name: a writer
    request: { method: POST, url: /orders/1 }
    token: { scope: orders:write }
    expect:
      status: 200
      route: write
`
  expect(await failures(text)).toEqual([
    'tests.yaml:9:7: tests[1].expect.status: "a writer": expected 200 at write, got 403 role-missing at write; ' +
      'not met: roles any: manager (GH_POLICY_TEST)',
  ])
})

test.each([
  ['url: orders', 'expect: { status: 200 }', /request\.url: "it": the URL must start with .* \(GH_CONFIG_VALUE\)$/],
  [
    'url: /both',
    'token: {}, expect: { status: 200 }',
    /token: "it": must state the issuer .* \(GH_CONFIG_MISSING\); issuers to choose from: https:\/\/idp\.test, https:\/\/partner\.test$/,
  ],
  ['url: /a', 'token: {}, session: {}, expect: { status: 200 }', /must have token or session, not both/],
  ['url: /a', 'expect: {}', /expect: must state status, reason or route/],
  [
    'url: /a',
    'expect: { reason: role-mising }',
    /must be a reason from docs\/reference\/reasons\.md, such as role-missing/,
  ],
  ['url: /a, metod: GET', 'expect: { status: 200 }', /unknown key \(GH_CONFIG_UNKNOWN_KEY\); did you mean method\?/],
  ['url: /a, headers: { Authorization: Basic eDp5 }', 'expect: { status: 401 }', /must not be a client id and secret/],
])('a policy test with the request { %s } and %s is an error that names the entry', async (request, rest, line) => {
  expect(await failures(only(`request: { ${request} }, ${rest}`))).toEqual([expect.stringMatching(line)])
})

test('the policy tests of the demo pass, and one of them fails when a route of the demo policy becomes public', async () => {
  const demo = (name: string) => fileURLToPath(new URL(`../../../deploy/demo/${name}`, import.meta.url))
  const tests = readPolicyTests(demo('policy-tests.yaml'))
  const bytes = Buffer.from(
    readFileSync(demo('policy.yaml'), 'utf8').replace(
      'require: { scopes: { all: ["orders:read"] } }',
      'require: public',
    ),
  )

  expect(await runPolicyTests(compilePolicy(loadPolicy(demo('policy.yaml'))), tests)).toEqual([])
  const failed = await runPolicyTests(compilePolicy(readPolicy([{ file: 'policy.yaml', bytes }])), tests)
  expect(failed.map(({ path }) => path)).toEqual(['tests[1].expect.status', 'tests[2].expect.status'])
})

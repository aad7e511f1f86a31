import { beforeAll, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { requestBytes } from '../kit/raw-client.ts'
import { GateUnderAttack, scope } from './gate-under-attack.ts'
import { expectNothingThrough } from './refusal.ts'

// Vulnerabilities of other access proxies that were published since 2023. Each test attacks this gate as described in
// the advisory.

type Field = readonly [name: string, value: string]

let gate: GateUnderAttack

beforeAll(async () => {
  gate = await GateUnderAttack.start({
    rawEntry: {
      routes: [
        { id: 'raw', match: { path: '/raw/**' }, require: 'public' },
        { id: 'stripped', match: { path: '/app/**' }, require: 'public', rewrite: { strip_prefix: '/app' } },
        { id: 'secret', match: { path: '/secret/**' }, require: scope('secret') },
        {
          id: 'inner',
          match: { path: '/inner/**' },
          require: { all: [scope('orders:read'), { not: { headers: { 'x-role': { any: ['guest'] } } } }] },
        },
      ],
    },
  })
})

interface Attempt {
  readonly target: string
  readonly method?: string
  readonly host?: string
  readonly fields?: readonly Field[]
  /** Scopes of the valid token that is sent; no token when absent. */
  readonly scopes?: string
}

test.each<[advisory: string, peer: string, attempt: Attempt, status: number, reason: string]>([
  // The gate matches a path without its query. Text that looks like a query does not change the matching.
  ['CVE-2025-54576', 'oauth2-proxy', { target: '/secret/x?a=/public/' }, 401, 'credential-missing'],
  ['CVE-2026-41059', 'oauth2-proxy', { target: '/secret/x#/public/y' }, 400, 'path-fragment'],
  ['CVE-2026-32811', 'heimdall', { target: '/secret/x?foo=bar' }, 401, 'credential-missing'],
  ['CVE-2026-32811', 'heimdall', { target: '/secret%3Ffoo=bar' }, 404, 'route-unknown'],
  // The gate ignores fields in which a client describes its own request.
  [
    'CVE-2026-40575',
    'oauth2-proxy',
    { target: '/secret/x', fields: [['X-Forwarded-Uri', '/public/x']] },
    401,
    'credential-missing',
  ],
  [
    'CVE-2026-34457',
    'oauth2-proxy',
    { target: '/secret/x', fields: [['User-Agent', 'GoogleHC/1.0']] },
    401,
    'credential-missing',
  ],
  [
    'GHSA-vhr5-ggp3-qq85',
    'Oathkeeper',
    { target: '/secret/x', fields: [['X-Forwarded-Proto', 'https']] },
    401,
    'credential-missing',
  ],
  // The gate and the service must read the same path, so an ambiguous path is rejected.
  ['CVE-2026-33494', 'Oathkeeper', { target: '/public/../secret/x' }, 400, 'path-dot-segment'],
  ['CVE-2026-42274', 'heimdall', { target: '/public/%2e%2e/secret/x' }, 400, 'path-dot-segment'],
  ['CVE-2026-42274', 'heimdall', { target: '/public/%2e%2e%2fsecret/x' }, 400, 'path-dot-segment'],
  ['CVE-2026-42272', 'heimdall', { target: '/secret%2fx' }, 400, 'path-encoded-slash'],
  ['CVE-2026-42273', 'heimdall', { target: '/secret/x', host: 'API.Test' }, 401, 'credential-missing'],
  ['CVE-2025-66490', 'Traefik', { target: '/public%5C..%5Csecret/x' }, 400, 'path-backslash'],
  ['CVE-2025-66490', 'Traefik', { target: '/public%00/secret/x' }, 400, 'path-control'],
  ['CVE-2026-40912', 'Traefik', { target: '/app%2e/secret/x' }, 404, 'route-unknown'],
  ['CVE-2026-40912', 'Traefik', { target: '/app/%2e/secret/x' }, 400, 'path-dot-segment'],
  ['CVE-2026-48020', 'Traefik', { target: '/app../secret/x' }, 404, 'route-unknown'],
  ['CVE-2026-48020', 'Traefik', { target: '/app%2e%2e/secret/x' }, 404, 'route-unknown'],
  // A list in one field line is equal to several field lines.
  [
    'CVE-2026-26308',
    'Envoy, Istio',
    { target: '/inner/x', scopes: 'orders:read', fields: [['X-Role', 'user,guest']] },
    403,
    'requirement-unmet',
  ],
])(
  '%s (%s): the gate rejects the request %j with status %i for the reason %s',
  async (_advisory, _peer, { scopes, ...parts }, status, reason) => {
    const token = scopes === undefined ? {} : { token: gate.token(scopes) }
    const attack = await gate.attack(requestBytes({ ...parts, ...token }))

    expectNothingThrough(attack)
    expect(attack.records).toMatchObject([{ decision: 'refused', status, reason }])
    expect(attack.replies).toMatchObject([{ status }])
  },
)

test.each<[advisory: string, peer: string, fields: readonly Field[], names: RegExp]>([
  ['CVE-2025-64484', 'oauth2-proxy', [['X_Forwarded_User', 'root']], /^x.forwarded.user$/i],
  ['CVE-2025-64484', 'oauth2-proxy', [['x-Forwarded_Email', 'root']], /^x.forwarded.email$/i],
  ['CVE-2026-39858', 'Traefik', [['X_Forwarded_Prefix', '/root']], /^x.forwarded.prefix$/i],
  ['GHSA-6384-m2mw-rf54', 'Traefik', [['X-Forwarded-Prefix', '/root']], /^x.forwarded.prefix$/i],
])('%s (%s): the gate does not forward the client fields %j', async (_advisory, _peer, fields, names) => {
  const { requests } = await gate.attack(requestBytes({ target: '/public/x', fields }))

  expect(requests).toHaveLength(1)
  expect(requests[0]!.fields.filter(([name]) => names.test(name))).toEqual([])
})

test('CVE-2024-45410 (Traefik): forwarding fields that the gate sets reach the service although Connection names them', async () => {
  const names = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id']
  const { requests } = await gate.attack(
    requestBytes({ target: '/public/x', fields: [['Connection', `close, ${names.join(', ')}`]] }),
  )

  expect(names.map((name) => [name, requests[0]!.all(name).length])).toEqual(names.map((name) => [name, 1]))
})

// A script on any page behind the gate could read a token or cookie on these pages and steal it.
test('CVE-2024-39315 (Pomerium): no page of the gate about the session contains a token or the session cookie', async () => {
  const { url, enter, issuer, orders } = await startCodeGate({ login: { session_claims: ['email'] } })
  const browser = new HttpBrowser()
  expect((await enter(browser)).status).toBe(200)
  const secrets = [browser.session!, 'eyJ', 'refresh-']

  for (const path of ['/.gatehouse/session', '/oauth2/userinfo', '/.gatehouse/logout']) {
    const page = await browser.visit(url + path)
    expect(page.status).toBe(200)
    expect(secrets.filter((secret) => page.body.includes(secret))).toEqual([])
  }
  expect(issuer.asked).toHaveLength(1)
  // The service gets the identity in an assertion, and never gets the session cookie.
  expect(orders.requests.at(-1)!.all('cookie').join()).not.toContain(browser.session!)
})

// docs/design/contract.md §10: `gatehouse explain` decides offline with the phases of the gate, and states the reason.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { explainOffline } from '../../../gateway/cli/explain-offline.ts'
import { askedRequest, type RequestFlags } from '../../../gateway/cli/explained-request.ts'
import { explanationLines } from '../../../gateway/cli/explanation-text.ts'
import { CliError } from '../../../gateway/cli/output.ts'
import { TestIssuer, type TokenOverrides, testAudience } from '../../kit/issuer.ts'
import { signingKey } from '../../kit/signing-key.ts'

const root = mkdtempSync(join(tmpdir(), 'explain-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function fileOf(name: string, text: string): string {
  writeFileSync(join(root, name), text)
  return join(root, name)
}

/** An issuer that does not listen and only signs tokens. */
const issuer = new TestIssuer({})
const jwks = fileOf('keys.json', JSON.stringify({ keys: issuer.keys.map(({ publicJwk }) => publicJwk) }))
const policy = fileOf(
  'policy.yaml',
  `version: 1
issuers:
  main: { issuer: "${issuer.url}", audience: ["${testAudience}"] }
  other: { issuer: "https://other.example", audience: ["${testAudience}"] }
services:
  orders:
    issuers: [main]
    upstreams: ["http://orders:8080", "http://orders-2:8080"]
    roles: { manager: { claim: realm_access.roles, any: [order-manager] } }
    routes:
      - id: read
        match: { path: /orders/**, methods: [GET] }
        require: { scopes: { all: ["orders:read"] } }
      - id: write
        match: { path: /orders/**, methods: [POST] }
        require:
          all:
            - scopes: { all: ["orders:write"] }
            - any: [{ roles: { any: [manager] } }, { not: { scopes: { any: ["orders:read"] } } }]
      - id: internal
        match: { path: /internal/*, methods: [GET] }
        require: { scopes: { all: ["orders:read"] } }
        addresses: { allow: [10.0.0.0/8] }
      - id: moved
        match: { path: /moved/** }
        require: public
        rewrite: { strip_prefix: /moved, add_prefix: /new }
        shadow: { require: { scopes: { all: ["orders:write"] } } }
      - id: tried
        match: { path: /tried }
        require: { scopes: { all: ["orders:read"] } }
        shadow: { require: { all: [{ scopes: { all: ["orders:read"] } }, { roles: { any: [manager] } }] } }
  raw:
    issuers: [other]
    credentials: token
    host: upstream
    upstreams: ["http://raw:8080"]
    routes: [{ id: raw, match: { path: /raw }, require: { scopes: { all: [a] } } }]
  relay:
    issuers: [main]
    credentials: token
    host: upstream
    upstreams: ["http://relay:8080"]
    routes: [{ id: relay, match: { path: /relay }, require: { scopes: { all: ["orders:read"] } } }]
  hosted:
    issuers: [main]
    upstreams: ["http://hosted:8080"]
    routes: [{ id: hosted, match: { host: api.example, path: /here }, require: public }]
`,
)

interface Asked extends Partial<RequestFlags> {
  readonly jwks?: string
}

const explain = (method: string, url: string, { jwks, ...flags }: Asked = {}) =>
  explainOffline(askedRequest(method, url, { header: [], address: '127.0.0.1', ...flags }), {
    policy,
    ...(jwks !== undefined && { jwks }),
  })

const verdicts = (explained: Awaited<ReturnType<typeof explain>>) =>
  Object.fromEntries(explained.token!.checks.map(({ check, verdict, reason }) => [check, reason ?? verdict]))

test('`gatehouse explain` lists the phases of an admitted request and the request that the service receives', async () => {
  const explained = await explain('GET', 'https://api.example/orders/%37', { token: issuer.sign(), jwks })

  expect(explained).toMatchObject({
    decision: 'admitted',
    reason: 'admitted',
    signature: 'verified',
    request: { method: 'GET', host: 'api.example', path: '/orders/7', address: '127.0.0.1' },
    route: { id: 'read', service: 'orders', host: null, path: '/orders/**', methods: ['GET', 'HEAD'] },
    addresses: { listed: false, permitted: true },
    requirement: { met: true, reason: null, parts: [] },
    shadow: null,
    reply: null,
    token: {
      issuer: { name: 'main', issuer: issuer.url },
      claims: { subject: 'alice', client: 'reader', audience: [testAudience], scopes: ['orders:read'], roles: [] },
    },
    service_receives: {
      upstreams: ['http://orders:8080', 'http://orders-2:8080'],
      method: 'GET',
      path: '/orders/7',
      query: null,
      assertion: { iss: 'https://api.example', aud: 'orders', sub: 'alice', token_issuer: issuer.url },
    },
  })
  expect(explained.phases.at(-1)).toBe('forward')
  expect(new Set(Object.values(verdicts(explained)))).toEqual(new Set(['passed']))
})

test.each<[flaw: string, wishes: TokenOverrides, check: string, reason: string]>([
  ['an unknown issuer', { claims: { iss: 'https://nobody.example' } }, 'issuer', 'token-issuer-unknown'],
  ['no issuer', { claims: { iss: undefined } }, 'issuer', 'token-issuer-unknown'],
  ['an issuer that is no text', { claims: { iss: 7 } }, 'issuer', 'token-claims-malformed'],
  ['an algorithm that the issuer entry does not list', { header: { alg: 'HS256' } }, 'header', 'token-algorithm'],
  ['the typ JWT instead of at+jwt', { header: { typ: 'JWT' } }, 'header', 'token-type'],
  ['an exp in the past', { claims: { exp: 1 } }, 'claims', 'token-expired'],
  ['an nbf in the future', { claims: { nbf: 9e9 } }, 'claims', 'token-not-yet-valid'],
  ['a lifetime above the maximum', { claims: { exp: 9e9 } }, 'claims', 'token-lifetime'],
  ['another audience', { claims: { aud: 'https://x.example' } }, 'claims', 'token-audience'],
  [
    'neither sub nor client_id',
    { claims: { sub: undefined, client_id: undefined } },
    'claims',
    'token-subject-missing',
  ],
  ['a cnf claim (bound to a key)', { claims: { cnf: { jkt: 'x' } } }, 'claims', 'token-binding'],
  ['a critical header', { header: { crit: ['x'] } }, 'form', 'token-critical-header'],
  ['a duplicate claim', { raw: { claims: '{"a":1,"a":2}' } }, 'form', 'token-duplicate-member'],
  ['an unknown key', { header: { kid: 'unknown' } }, 'signature', 'token-key-unknown'],
  [
    'a signature of another key',
    { key: { ...signingKey('ES256'), kid: issuer.keys[0]!.kid } },
    'signature',
    'token-signature',
  ],
  [
    'an issuer that only other services accept',
    { claims: { iss: 'https://other.example' } },
    'signature',
    'token-key-unknown',
  ],
])(
  '`gatehouse explain` names the failing check and its reason when the gate refuses a token with %s',
  async (flaw, wishes, check, reason) => {
    const explained = await explain('GET', '/orders/7', {
      token: issuer.sign(wishes),
      jwks: flaw.includes('other services') ? fileOf('none.json', '{"keys":[]}') : jwks,
    })
    const checks = explained.token!.checks

    expect(explained).toMatchObject({ decision: 'refused', reason, reply: { status: 401, code: 'invalid_token' } })
    expect(checks.find(({ verdict }) => verdict === 'failed')).toMatchObject({ check, reason })
  },
)

test('`gatehouse explain` checks header and claims of a token even after a failed check, where the gate would stop', async () => {
  const explained = await explain('GET', '/orders/7', {
    token: issuer.sign({ header: { typ: 'JWT' }, claims: { exp: 1 } }),
  })

  expect(explained.reason).toBe('token-type')
  expect(verdicts(explained)).toMatchObject({ header: 'token-type', claims: 'token-expired', signature: 'not checked' })
})

test('`gatehouse explain` without keys reports first that the request is admitted only if the signature, which is not checked, is valid', async () => {
  const forged = issuer.sign({ key: signingKey('ES256') })
  const explained = await explain('GET', '/orders/7', { token: forged })

  expect(explained).toMatchObject({ decision: 'admitted', signature: 'not checked' })
  const lines = explanationLines(explained).map((line) => line.trim())
  expect(lines[0]).toMatch(/^admitted only if the signature of the token is valid: it was not checked/)
  expect(lines).toContain('signature: not checked')
})

test('`gatehouse explain` names the keys of a key set that it ignores', async () => {
  const weak = fileOf('weak.json', JSON.stringify({ keys: [{ ...issuer.keys[0]!.publicJwk, use: 'enc' }] }))
  const explained = await explain('GET', '/orders/7', { token: issuer.sign(), jwks: weak })

  expect(explained).toMatchObject({ reason: 'token-key-unknown', signature: 'failed' })
  expect(explained.token!.ignored_keys).toEqual([{ kid: issuer.keys[0]!.kid, why: 'use is not "sig"' }])
})

test('`gatehouse explain` reports that the gate refuses a token of an issuer that the service does not accept', async () => {
  const token = issuer.sign({ claims: { iss: 'https://other.example' } })
  const explained = await explain('GET', '/orders/7', { token })

  expect(explained.reason).toBe('token-issuer-not-accepted')
  expect(verdicts(explained)).toMatchObject({ claims: 'passed', accepted: 'token-issuer-not-accepted' })
})

test('`gatehouse explain` reports for every part of a requirement whether the part is met', async () => {
  const explained = await explain('POST', '/orders', { token: issuer.sign() })
  const [scopes, any] = explained.requirement!.parts
  const [roles, not] = any!.parts

  expect(explained).toMatchObject({ reason: 'scope-missing', reply: { status: 403, code: 'insufficient_scope' } })
  expect(explained.requirement).toMatchObject({ met: false, reason: 'scope-missing' })
  expect(scopes).toMatchObject({ met: false, reason: 'scope-missing' })
  expect(any).toMatchObject({ met: false, reason: 'requirement-unmet' })
  expect(roles).toMatchObject({ met: false, reason: 'role-missing' })
  expect(not).toMatchObject({ met: false, reason: 'requirement-unmet' })
  expect(not!.parts[0]).toMatchObject({ met: true, reason: null })
})

test('`gatehouse explain` says first what to do, and last which phases ran', async () => {
  const explained = await explain('POST', '/orders', { token: issuer.sign() })
  const lines = explanationLines(explained)

  expect(explained.first_step).toBe(
    'request the token with the scopes that the route requires (it has: orders:read); ' +
      'not met: scopes all: orders:write; any of (roles any: manager, not (scopes any: orders:read))',
  )
  expect(lines[2]!.split(/ {2,}/)).toEqual(['do first', explained.first_step])
  expect(lines.at(-2)).toMatch(/^phases /)
})

test.each([
  ['GET', '/elsewhere', {}, 'check the path /elsewhere, or add a route for it to the policy'],
  ['DELETE', '/orders/7', {}, 'add DELETE to match.methods of a nearest route, or add a route'],
  ['GET', '/orders/7', {}, 'send the header field Authorization: Bearer TOKEN; try it here with --token TOKEN'],
  ['GET', '/moved/a', {}, null],
])(
  '`gatehouse explain` proposes the right first step for the refused request %s %s',
  async (method, path, flags, step) => {
    expect((await explain(method, path, flags)).first_step).toBe(step)
  },
)

test('`gatehouse explain` derives roles from the claims of a token', async () => {
  const claims = { scope: 'orders:write', realm_access: { roles: ['order-manager'] } }
  const explained = await explain('POST', '/orders', { token: issuer.sign({ claims }) })

  expect(explained).toMatchObject({ decision: 'admitted', token: { claims: { roles: ['manager'] } } })
  expect(explained.service_receives!.assertion).toMatchObject({ roles: ['manager'], scope: 'orders:write' })
})

test('`gatehouse explain` evaluates no part of the requirement for a request without a token', async () => {
  const explained = await explain('GET', '/orders')

  expect(explained).toMatchObject({
    reason: 'credential-missing',
    token: null,
    session: null,
    signature: null,
    requirement: { met: null, reason: null },
    reply: { status: 401, challenge: expect.stringMatching(/^Bearer resource_metadata="http:\/\/127\.0\.0\.1:8080\//) },
  })
})

test.each([
  ['10.1.2.3', true],
  ['::ffff:10.1.2.3', true],
  ['192.0.2.1', false],
])(
  '`gatehouse explain` reports for a client at %s whether the address lists of the route permit it: %s',
  async (address, permitted) => {
    const explained = await explain('GET', '/internal/a', { token: issuer.sign(), address })

    expect(explained.addresses).toEqual({ listed: true, permitted })
    expect(explained.decision).toBe(permitted ? 'admitted' : 'refused')
  },
)

test.each([
  ['/orders/../x', 'path-dot-segment'],
  ['/orders/%2e%2e/x', 'path-dot-segment'],
  ['http://h/orders//x', 'path-empty-segment'],
  ['http://h/orders#x', 'path-fragment'],
  ['http://h?x=/../', 'route-unknown'],
])(
  '`gatehouse explain` passes the URL %s to the gate unchanged, and reports why the gate refuses it',
  async (url, reason) => {
    expect((await explain('GET', url)).reason).toBe(reason)
  },
)

test.each([
  ['GET', '/order/7', 'route-unknown', ['read', 'write']],
  ['GET', '/internal', 'route-unknown', ['internal']],
  ['GET', '/nothing/like/it', 'route-unknown', []],
  ['DELETE', '/orders/7', 'method-not-mapped', ['read', 'write']],
])(
  '`gatehouse explain` names the routes most similar to a request that matches none: %s %s',
  async (method, url, reason, ids) => {
    const { nearest, route, ...explained } = await explain(method, url)

    expect([explained.reason, route]).toEqual([reason, null])
    expect(nearest.map(({ id }) => id)).toEqual(ids)
  },
)

test('`gatehouse explain` shows the path that the service receives after a rewrite', async () => {
  expect((await explain('GET', '/moved/a?b=c')).service_receives).toMatchObject({ path: '/new/a', query: 'as sent' })
})

test('`gatehouse explain` evaluates a shadow requirement, which has no effect on the decision', async () => {
  const { decision, shadow } = await explain('GET', '/tried', { token: issuer.sign(), jwks })

  expect([decision, shadow!.verdict]).toEqual(['admitted', 'role-missing'])
  expect(shadow!.requirement.parts.map(({ met }) => met)).toEqual([true, false])
})

test.each([
  ['no token', undefined, 'credential-missing'],
  ['a token that meets the shadow requirement', { claims: { scope: 'orders:write' } }, 'met'],
  ['a token without the required scope', {}, 'scope-missing'],
  ['an expired token', { claims: { exp: 1 } }, 'token-expired'],
])(
  '`gatehouse explain` evaluates the shadow requirement of a public route for a request with %s',
  async (_, wishes, verdict) => {
    const token = wishes && issuer.sign(wishes)
    const explained = await explain('GET', '/moved/a', { ...(token !== undefined && { token }), jwks })

    expect([explained.decision, explained.shadow!.verdict]).toEqual(['admitted', verdict])
  },
)

test('`gatehouse explain --at` shows the decision of the gate at the time in the flag', async () => {
  const token = issuer.sign({ claims: { iat: 1_999_999_000, exp: 2_000_000_000 } })
  const at = (at: string) => explain('GET', '/orders', { token, at })

  expect((await at('2033-05-18T03:30:00Z')).decision).toBe('admitted')
  expect((await at('2033-05-18T05:40:00+02:00')).reason).toBe('token-expired')
})

test('`gatehouse explain` shows which header fields of the client the gate forwards, replaces or drops, without the values that the client sent', async () => {
  const header = [
    'X-Api-Key: secret',
    'cookie: a=b',
    'X-Forwarded-For: 1.2.3.4',
    'traceparent: x',
    'X-Request-Id: mine',
  ]
  const { service_receives } = await explain('GET', '/relay', { token: issuer.sign(), header })
  const field = (name: string) => service_receives!.fields.filter((one) => one.name === name)

  expect(field('x-api-key')).toEqual([{ name: 'x-api-key', value: null, from: 'client' }])
  expect(field('cookie')).toEqual([{ name: 'cookie', value: null, from: 'client' }])
  expect(field('x-request-id')).toEqual([{ name: 'x-request-id', value: null, from: 'client' }])
  expect(field('authorization')).toEqual([{ name: 'authorization', value: null, from: 'client' }])
  expect(field('traceparent')).toEqual([{ name: 'traceparent', value: null, from: 'gate' }])
  expect(field('x-forwarded-for')).toEqual([{ name: 'x-forwarded-for', value: '127.0.0.1', from: 'gate' }])
  expect(field('host')).toEqual([{ name: 'host', value: 'relay:8080', from: 'gate' }])
})

test('`gatehouse explain` reports that the gate refuses a request with two credentials', async () => {
  const header = ['authorization: Bearer x']

  expect((await explain('GET', '/orders', { token: issuer.sign(), header })).reason).toBe('credential-repeated')
})

test("`gatehouse explain` shows the gate's own reply to a request for resource metadata, which reaches no service", async () => {
  const explained = await explain('GET', '/.well-known/oauth-protected-resource/orders')

  expect(explained).toMatchObject({ decision: 'answered', reply: { status: 200 }, service_receives: null })
})

test.each<[what: string, method: string, url: string, flags: Partial<RequestFlags>]>([
  ['a URL of another scheme', 'GET', 'ftp://h/', {}],
  ['a URL with a password', 'GET', 'https://u:p@h/', {}],
  ['a header without a colon', 'GET', '/', { header: ['x'] }],
  ['an invalid address', 'GET', '/', { address: 'localhost' }],
  ['a time without a zone', 'GET', '/', { at: '2030-01-01T00:00:00' }],
  ['a missing token file', 'GET', '/', { tokenFile: join(root, 'nothing') }],
])('the CLI rejects explain with %s as wrong usage', async (_, method, url, flags) => {
  const asked = (async () => explain(method, url, flags))()

  await expect(asked).rejects.toThrow(CliError)
  await expect(asked).rejects.toThrow(expect.objectContaining({ exitCode: 2, code: 'GH_USAGE' }))
})

test.each([
  ['not JSON', 'secret-secret-secret'],
  ['not a key set', '{"key":"secret-secret-secret"}'],
])(
  '`gatehouse explain` with a key set that is %s is wrong usage, and the error does not quote the key set',
  async (_, text) => {
    const asked = explain('GET', '/', { jwks: fileOf('bad.json', text) })

    await expect(asked).rejects.toThrow(expect.objectContaining({ exitCode: 2 }))
    await expect(asked).rejects.not.toThrow(/secret/)
  },
)

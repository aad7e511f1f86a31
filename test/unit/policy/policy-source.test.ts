// The form of a policy: unknown keys are errors. All problems are reported together, each with its place and a hint.

import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ConfigError, type Problem, problemCodes } from '../../../gateway/config/problem.ts'
import { loadPolicy, readPolicy } from '../../../gateway/policy/policy-source.ts'

const root = mkdtempSync(join(tmpdir(), 'policy-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

type Patch = Record<string, unknown>

/** Returns a valid policy with the given changes. */
function policyWith({ issuer = {}, service = {}, route = {}, top = {} }: Record<string, Patch>): string {
  return stringify({
    version: 1,
    issuers: { main: { issuer: 'https://idp.test', audience: ['https://api.test'], ...issuer } },
    services: {
      orders: {
        upstreams: ['http://orders.test:8080'],
        ...service,
        routes: [{ id: 'r', match: { path: '/orders/**' }, require: 'public', ...route }],
      },
    },
    ...top,
  })
}

function problemsIn(work: () => unknown): readonly Problem[] {
  try {
    work()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const read = (text: string) => readPolicy([{ file: 'policy.yaml', bytes: Buffer.from(text) }])
const problemsOf = (text: string) => problemsIn(() => read(text))
const say = (text: string) => problemsOf(text).map(({ code, path }) => `${code} ${path}`)

test('the policy parser accepts a policy with every key', () => {
  const text = policyWith({
    issuer: {
      algorithms: ['ES256', 'Ed25519'],
      profile: 'any',
      clock_tolerance: '1s',
      max_token_lifetime: '12h',
      tokens: 'jwt',
      scope_array: true,
      jwks_uri: 'http://127.0.0.1:8090/jwks',
      keys_stale: '0s',
    },
    service: {
      issuers: ['main'],
      upstreams: ['http://10.0.0.1:8080', 'https://orders.test/', 'http://[::1]:1'],
      roles: {
        manager: { claim: 'realm_access.roles', any: ['m'] },
        other: { claim: ['https://x.test/r'], any: ['o'] },
      },
      credentials: 'token',
      timeouts: { connect: '1s', first_byte: '5s', idle: '10s', total: '1m' },
      host: 'upstream',
      encoded_slashes: 'keep',
      path_parameters: 'allow',
      chunked: 'refuse',
      trust_trace: false,
      auth_request_headers: true,
      pass_headers: ['X-Real-IP', 'remote-user', 'X-SSL-Client-Verify', 'X-MS-CLIENT-PRINCIPAL'],
    },
    route: {
      match: { host: '*.test', path: '/**', methods: ['GET', 'POST'] },
      require: {
        all: [
          { scopes: { all: ['a:b'], any: ['c'] } },
          { any: [{ roles: { any: ['manager'] } }, { not: { scopes: { any: ['x'] } } }] },
          { claims: { 'a.b': { all: ['x'], any: [1, 1.5, true, 'y'] }, amr: { any: ['mfa'] } } },
          {
            claims: [
              { claim: ['https://x.test/r', 'y'], any: ['z'] },
              { claim: 'a.b', all: [false] },
            ],
          },
          { clients: { any: ['reader'] } },
          { clients: { any: ['https://client.test/id'], issuer: 'main' } },
          { headers: { 'X-Tenant': { any: ['a', 'b c'] }, origin: { any: ['https://app.test'] } } },
          { addresses: { allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] } },
          { time: { days: ['mon', 'sun'] } },
          { time: { from: '22:00', to: '06:00', zone: 'America/Argentina/Buenos_Aires' } },
          { time: { from: '22:00', to: '00:00' } },
          { time: { not_before: '2026-01-01T00:00:00+01:00', not_after: '2028-02-29t23:59:59.5z' } },
        ],
      },
      shadow: { require: { not: { claims: { amr: { any: ['pwd'] } } } } },
      timeouts: { first_byte: '1s', idle: '2s', total: 'none' },
      rewrite: { strip_prefix: '/orders', add_prefix: '/v1' },
      addresses: { allow: ['10.0.0.0/8', '::1'], deny: ['10.1.2.3'] },
      body: { max: 'none' },
    },
  })

  expect(say(text)).toEqual([])
})

test.each([
  ...['authorization', 'Cookie', 'DPoP', 'Connection', 'TE', 'Keep-Alive', 'Proxy-Authorization', 'Upgrade', 'Trailer'],
  ...['Content-Length', 'Transfer-Encoding', 'Host', 'X-Gatehouse-Jwt-Assertion', 'X-Auth-Request-User', 'Forwarded'],
  ...[
    'X-Forwarded-For',
    'X-Forwarded-User',
    'Client-Cert',
    'X-Original-URL',
    'X-HTTP-Method-Override',
    'X-Rewrite-URL',
  ],
  ...['X-Request-Id', 'x_real_ip', 'X-SSL-*', 'X-Tenant', ''],
])('the policy parser rejects the field %j in pass_headers', (name) => {
  expect(say(policyWith({ service: { pass_headers: ['X-Real-IP', name] } }))).toEqual([
    'GH_CONFIG_VALUE services.orders.pass_headers[1]',
  ])
})

test.each<[string, Record<string, Patch>, string]>([
  // S-126: only the word `public` makes a route public
  ['no require', { route: { require: undefined } }, 'GH_CONFIG_MISSING services.orders.routes[0].require'],
  ['require: null', { route: { require: null } }, 'GH_CONFIG_VALUE services.orders.routes[0].require'],
  ['require: Public', { route: { require: 'Public' } }, 'GH_CONFIG_VALUE services.orders.routes[0].require'],
  ['require: true', { route: { require: true } }, 'GH_CONFIG_VALUE services.orders.routes[0].require'],
  ['require: []', { route: { require: [] } }, 'GH_CONFIG_VALUE services.orders.routes[0].require'],
  ['require: {}', { route: { require: {} } }, 'GH_POLICY_REQUIREMENT services.orders.routes[0].require'],
  ['all: []', { route: { require: { all: [] } } }, 'GH_CONFIG_VALUE services.orders.routes[0].require.all'],
  ['any: []', { route: { require: { any: [] } } }, 'GH_CONFIG_VALUE services.orders.routes[0].require.any'],
  [
    'all: [{}]',
    { route: { require: { all: [{}] } } },
    'GH_POLICY_REQUIREMENT services.orders.routes[0].require.all[0]',
  ],
  ['not: {}', { route: { require: { not: {} } } }, 'GH_POLICY_REQUIREMENT services.orders.routes[0].require.not'],
  ['not: public', { route: { require: { not: 'public' } } }, 'GH_CONFIG_VALUE services.orders.routes[0].require.not'],
  ['scopes: []', { route: { require: { scopes: [] } } }, 'GH_CONFIG_VALUE services.orders.routes[0].require.scopes'],
  [
    'scopes: {}',
    { route: { require: { scopes: {} } } },
    'GH_POLICY_REQUIREMENT services.orders.routes[0].require.scopes',
  ],
  [
    'scopes: null',
    { route: { require: { scopes: null } } },
    'GH_CONFIG_VALUE services.orders.routes[0].require.scopes',
  ],
  [
    'scopes: { all: [] }',
    { route: { require: { scopes: { all: [] } } } },
    'GH_CONFIG_VALUE services.orders.routes[0].require.scopes.all',
  ],
  [
    'two kinds in one node',
    { route: { require: { scopes: { all: ['a'] }, roles: { any: ['b'] } } } },
    'GH_POLICY_REQUIREMENT services.orders.routes[0].require',
  ],
  ['no acr', { route: { require: { acr: [] } } }, 'GH_CONFIG_VALUE services.orders.routes[0].require.acr'],
  [
    'an acr with a quote',
    { route: { require: { acr: ['a"b'] } } },
    'GH_CONFIG_VALUE services.orders.routes[0].require.acr[0]',
  ],
  [
    'a max_age of nothing',
    { route: { require: { max_age: '0s' } } },
    'GH_CONFIG_VALUE services.orders.routes[0].require.max_age',
  ],
  [
    'acr and a session in one node',
    { route: { require: { acr: ['a'], session: 'main' } } },
    'GH_POLICY_REQUIREMENT services.orders.routes[0].require',
  ],
  // every kind of requirement: empty, of the wrong form, or impossible to meet
  ...(
    [
      ['claims: {}', { claims: {} }, 'GH_POLICY_REQUIREMENT', '.claims'],
      ['claims: []', { claims: [] }, 'GH_CONFIG_VALUE', '.claims'],
      ['claims: amr', { claims: 'amr' }, 'GH_CONFIG_VALUE', '.claims'],
      ['a claim without a demand', { claims: { amr: {} } }, 'GH_POLICY_REQUIREMENT', '.claims.amr'],
      ['a claim by value', { claims: { amr: 'mfa' } }, 'GH_CONFIG_VALUE', '.claims.amr'],
      ['a claim with any: []', { claims: { amr: { any: [] } } }, 'GH_CONFIG_VALUE', '.claims.amr.any'],
      ['a claim with any: [null]', { claims: { amr: { any: [null] } } }, 'GH_CONFIG_VALUE', '.claims.amr.any[0]'],
      ['a claim with any: [{}]', { claims: { amr: { all: [{}] } } }, 'GH_CONFIG_VALUE', '.claims.amr.all[0]'],
      ['a claim with an empty value', { claims: { amr: { any: [''] } } }, 'GH_CONFIG_VALUE', '.claims.amr.any[0]'],
      ['a claim beyond 2^53', { claims: { n: { any: [2 ** 53] } } }, 'GH_CONFIG_VALUE', '.claims.n.any[0]'],
      ['a claim path with a gap', { claims: { 'a..b': { any: ['x'] } } }, 'GH_CONFIG_VALUE', '.claims.a..b'],
      ['a listed claim without a name', { claims: [{ any: ['x'] }] }, 'GH_CONFIG_MISSING', '.claims[0].claim'],
      ['a listed claim without a demand', { claims: [{ claim: 'x' }] }, 'GH_POLICY_REQUIREMENT', '.claims[0]'],
      ['clients: {}', { clients: {} }, 'GH_CONFIG_MISSING', '.clients.any'],
      ['clients: [a]', { clients: ['a'] }, 'GH_CONFIG_VALUE', '.clients'],
      ['clients with any: []', { clients: { any: [] } }, 'GH_CONFIG_VALUE', '.clients.any'],
      ['clients with all', { clients: { any: ['a'], all: ['a'] } }, 'GH_CONFIG_UNKNOWN_KEY', '.clients.all'],
      ['headers: {}', { headers: {} }, 'GH_POLICY_REQUIREMENT', '.headers'],
      ['a header without values', { headers: { 'x-a': {} } }, 'GH_CONFIG_MISSING', '.headers.x-a.any'],
      ['a header with any: []', { headers: { 'x-a': { any: [] } } }, 'GH_CONFIG_VALUE', '.headers.x-a.any'],
      ['a header with a blank', { headers: { 'x-a': { any: [' a'] } } }, 'GH_CONFIG_VALUE', '.headers.x-a.any[0]'],
      ['a header with a number', { headers: { 'x-a': { any: [1] } } }, 'GH_CONFIG_VALUE', '.headers.x-a.any[0]'],
      ['addresses: {}', { addresses: {} }, 'GH_CONFIG_VALUE', '.addresses'],
      ['addresses: [a]', { addresses: ['10.0.0.0/8'] }, 'GH_CONFIG_VALUE', '.addresses'],
      [
        'no address left',
        { addresses: { allow: ['10.0.0.0/9', '::1'], deny: ['10.0.0.0/8', '::/0'] } },
        'GH_POLICY_CONTRADICTION',
        '.addresses',
      ],
      ['no address at all', { addresses: { deny: ['0.0.0.0/0', '::/0'] } }, 'GH_POLICY_CONTRADICTION', '.addresses'],
      ['time: {}', { time: {} }, 'GH_POLICY_REQUIREMENT', '.time'],
      ['a zone and nothing else', { time: { zone: 'Europe/Berlin' } }, 'GH_POLICY_REQUIREMENT', '.time'],
      [
        'the whole week',
        { time: { days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], to: '24:00' } },
        'GH_POLICY_REQUIREMENT',
        '.time',
      ],
      ['from = to', { time: { from: '08:00', to: '08:00' } }, 'GH_POLICY_CONTRADICTION', '.time'],
      ['from midnight to midnight', { time: { to: '00:00' } }, 'GH_POLICY_CONTRADICTION', '.time'],
      ['from 24:00', { time: { from: '24:00', to: '08:00' } }, 'GH_POLICY_CONTRADICTION', '.time'],
      ['from 8:00', { time: { from: '8:00' } }, 'GH_CONFIG_VALUE', '.time.from'],
      ['from 25:00', { time: { from: '25:00' } }, 'GH_CONFIG_VALUE', '.time.from'],
      ['to 24:01', { time: { to: '24:01' } }, 'GH_CONFIG_VALUE', '.time.to'],
      ['from 08:60', { time: { from: '08:60' } }, 'GH_CONFIG_VALUE', '.time.from'],
      ['an unknown zone', { time: { from: '08:00', zone: 'Europe/Atlantis' } }, 'GH_CONFIG_VALUE', '.time.zone'],
      ['an offset as a zone', { time: { from: '08:00', zone: '+02:00' } }, 'GH_CONFIG_VALUE', '.time.zone'],
      ['no days', { time: { days: [] } }, 'GH_CONFIG_VALUE', '.time.days'],
      ['an unknown day', { time: { days: ['monday'] } }, 'GH_CONFIG_VALUE', '.time.days[0]'],
      [
        'a day that does not exist',
        { time: { not_after: '2026-02-29T00:00:00Z' } },
        'GH_CONFIG_VALUE',
        '.time.not_after',
      ],
      [
        'a moment without an offset',
        { time: { not_after: '2026-02-28T00:00:00' } },
        'GH_CONFIG_VALUE',
        '.time.not_after',
      ],
      ['a date', { time: { not_before: '2026-02-28' } }, 'GH_CONFIG_VALUE', '.time.not_before'],
      [
        'an end before its start',
        { time: { not_before: '2026-02-28T00:00:00Z', not_after: '2026-02-28T01:00:00+02:00' } },
        'GH_POLICY_CONTRADICTION',
        '.time',
      ],
    ] as const
  ).flatMap(([what, part, code, path]): [string, Record<string, Patch>, string][] => [
    [what, { route: { require: part } }, `${code} services.orders.routes[0].require${path}`],
    [
      `under not, ${what}`,
      { route: { require: { not: part } } },
      `${code} services.orders.routes[0].require.not${path}`,
    ],
    [
      `in a shadow, ${what}`,
      { route: { shadow: { require: part } } },
      `${code} services.orders.routes[0].shadow.require${path}`,
    ],
  ]),
  // RFC 6749 §3.3
  ...['', 'a b', 'a"b', 'a\\b', 'ä', 'a\tb'].map((scope): [string, Record<string, Patch>, string] => [
    `the scope ${JSON.stringify(scope)}`,
    { route: { require: { scopes: { all: [scope] } } } },
    'GH_CONFIG_VALUE services.orders.routes[0].require.scopes.all[0]',
  ]),
  // issuers
  ['HS256', { issuer: { algorithms: ['HS256'] } }, 'GH_CONFIG_VALUE issuers.main.algorithms[0]'],
  ['none', { issuer: { algorithms: ['none'] } }, 'GH_CONFIG_VALUE issuers.main.algorithms[0]'],
  ['no algorithm', { issuer: { algorithms: [] } }, 'GH_CONFIG_VALUE issuers.main.algorithms'],
  ['no audience', { issuer: { audience: [] } }, 'GH_CONFIG_VALUE issuers.main.audience'],
  ['audience as text', { issuer: { audience: 'a' } }, 'GH_CONFIG_VALUE issuers.main.audience'],
  ['an issuer on http', { issuer: { issuer: 'http://idp.test' } }, 'GH_CONFIG_VALUE issuers.main.issuer'],
  ['an issuer with a query', { issuer: { issuer: 'https://idp.test/?a' } }, 'GH_CONFIG_VALUE issuers.main.issuer'],
  ['S-122: keys on http', { issuer: { jwks_uri: 'http://10.0.0.1/jwks' } }, 'GH_CONFIG_VALUE issuers.main.jwks_uri'],
  ['S-121: link-local keys', { issuer: { jwks_uri: 'https://169.254.1.1/' } }, 'GH_CONFIG_VALUE issuers.main.jwks_uri'],
  ['6 min of tolerance', { issuer: { clock_tolerance: '6m' } }, 'GH_CONFIG_VALUE issuers.main.clock_tolerance'],
  ['a duration without a unit', { issuer: { clock_tolerance: 5 } }, 'GH_CONFIG_VALUE issuers.main.clock_tolerance'],
  ['tokens of no form', { issuer: { tokens: 'paseto' } }, 'GH_CONFIG_VALUE issuers.main.tokens'],
  ['recheck without end', { issuer: { recheck: '6m' } }, 'GH_CONFIG_VALUE issuers.main.recheck'],
  ...(
    [
      ['a client id with a blank', { client_id: 'a b' }, 'GH_CONFIG_VALUE', '.client_id'],
      ['no client id', { client_id: undefined }, 'GH_CONFIG_MISSING', '.client_id'],
      ['a secret in the clear', { client_secret: 'hunter2' }, 'GH_CONFIG_SECRET_INLINE', '.client_secret'],
      ['S-122: an endpoint on http', { endpoint: 'http://10.0.0.1/i' }, 'GH_CONFIG_VALUE', '.endpoint'],
      ['S-121: a link-local endpoint', { endpoint: 'https://169.254.1.1/' }, 'GH_CONFIG_VALUE', '.endpoint'],
      ['another client authentication', { client_auth: 'none' }, 'GH_CONFIG_VALUE', '.client_auth'],
      ['an answer of another form', { response: 'xml' }, 'GH_CONFIG_VALUE', '.response'],
      ['6 min of cache', { cache: '6m' }, 'GH_CONFIG_VALUE', '.cache'],
      ['2 min of negative cache', { negative_cache: '2m' }, 'GH_CONFIG_VALUE', '.negative_cache'],
      ['31 s of time-out', { timeout: '31s' }, 'GH_CONFIG_VALUE', '.timeout'],
      ['no concurrency', { concurrency: 0 }, 'GH_CONFIG_VALUE', '.concurrency'],
      ['no rate', { rate: 0 }, 'GH_CONFIG_VALUE', '.rate'],
    ] as const
  ).map(([what, changes, code, path]): [string, Record<string, Patch>, string] => [
    `introspection with ${what}`,
    { issuer: { tokens: 'opaque', introspection: { client_id: 'c', client_secret: { env: 'S' }, ...changes } } },
    `${code} issuers.main.introspection${path}`,
  ]),
  ['login without a client', { issuer: { login: {} } }, 'GH_CONFIG_MISSING issuers.main.login.client_id'],
  [
    'login without openid',
    { issuer: { login: { client_id: 'c', scopes: ['profile'] } } },
    'GH_CONFIG_VALUE issuers.main.login.scopes',
  ],
  [
    'a session that is idle for longer than it lives',
    { issuer: { login: { client_id: 'c', session: { idle: '2h', absolute: '1h' } } } },
    'GH_CONFIG_VALUE issuers.main.login.session.idle',
  ],
  [
    'a session for ever',
    { issuer: { login: { client_id: 'c', session: { absolute: '31d' } } } },
    'GH_CONFIG_VALUE issuers.main.login.session.absolute',
  ],
  [
    'login with a secret in the text',
    { issuer: { login: { client_id: 'c', client_secret: 'hush' } } },
    'GH_CONFIG_SECRET_INLINE issuers.main.login.client_secret',
  ],
  // The gate can add `login` to the prompt, and `none` allows no other value (OpenID Connect Core §3.1.2.1).
  ...['none', 'login consent', 'Login', ['login', 'consent']].map((prompt): [string, Record<string, Patch>, string] => [
    `login with prompt ${JSON.stringify(prompt)}`,
    { issuer: { login: { client_id: 'c', prompt } } },
    'GH_CONFIG_VALUE issuers.main.login.prompt',
  ]),
  // S-121: upstreams
  ...[
    'http://169.254.169.254',
    'http://2852039166',
    'http://[::ffff:a9fe:a9fe]',
    'http://[fe80::1]',
    'http://[fd00:ec2::254]',
    'file:///etc/passwd',
    'ftp://h',
    'http://user:pw@h',
    'http://@h',
    'http://h/path',
    'http://h/?q',
    'http://h#f',
    'http:h',
    'http:///h',
    'http:\\\\h',
    'http://h\\@x',
    ' http://h',
    'h:8080',
    '//h',
    '',
  ].map((url): [string, Record<string, Patch>, string] => [
    `the upstream ${JSON.stringify(url)}`,
    { service: { upstreams: [url] } },
    'GH_CONFIG_VALUE services.orders.upstreams[0]',
  ]),
  ['no upstream', { service: { upstreams: [] } }, 'GH_CONFIG_VALUE services.orders.upstreams'],
  [
    'another credential',
    { service: { credentials: { type: 'another' } } },
    'GH_CONFIG_VALUE services.orders.credentials.type',
  ],
  [
    'a role without values',
    { service: { roles: { m: { claim: 'r', any: [] } } } },
    'GH_CONFIG_VALUE services.orders.roles.m.any',
  ],
  [
    'a claim path with a gap',
    { service: { roles: { m: { claim: 'a..b', any: ['x'] } } } },
    'GH_CONFIG_VALUE services.orders.roles.m.claim',
  ],
  // routes
  ...['stale', 'stale 0s', 'stale 25h', 'stale  5s', 'open', 5].map(
    (value): [string, Record<string, Patch>, string] => [
      `on_outage.introspection: ${value}`,
      { route: { on_outage: { introspection: value } } },
      'GH_CONFIG_VALUE services.orders.routes[0].on_outage.introspection',
    ],
  ),
  ...['open', 'stale', 'stale 60', 'stale 0s', 'stale 25h', 'stale  60s', '60s'].map(
    (revocation): [string, Record<string, Patch>, string] => [
      `on_outage.revocation: ${revocation}`,
      { route: { on_outage: { revocation } } },
      'GH_CONFIG_VALUE services.orders.routes[0].on_outage.revocation',
    ],
  ),
  ['an empty shadow', { route: { shadow: {} } }, 'GH_CONFIG_MISSING services.orders.routes[0].shadow.require'],
  [
    'a public shadow',
    { route: { shadow: { require: 'public' } } },
    'GH_CONFIG_VALUE services.orders.routes[0].shadow.require',
  ],
  [
    'an empty demand in a shadow',
    { route: { shadow: { require: {} } } },
    'GH_POLICY_REQUIREMENT services.orders.routes[0].shadow.require',
  ],
  ['an empty rewrite', { route: { rewrite: {} } }, 'GH_CONFIG_VALUE services.orders.routes[0].rewrite'],
  [
    'a timeout below its bound',
    { route: { timeouts: { idle: '1ms' } } },
    'GH_CONFIG_VALUE services.orders.routes[0].timeouts.idle',
  ],
  [
    'a connect timeout of a route',
    { route: { timeouts: { connect: '1s' } } },
    'GH_CONFIG_UNKNOWN_KEY services.orders.routes[0].timeouts.connect',
  ],
  [
    'no method',
    { route: { match: { path: '/', methods: [] } } },
    'GH_CONFIG_VALUE services.orders.routes[0].match.methods',
  ],
  [
    'TRACE',
    { route: { match: { path: '/', methods: ['TRACE'] } } },
    'GH_CONFIG_VALUE services.orders.routes[0].match.methods[0]',
  ],
  [
    'an empty address list',
    { route: { addresses: { allow: [] } } },
    'GH_CONFIG_VALUE services.orders.routes[0].addresses.allow',
  ],
  ['addresses of nobody', { route: { addresses: {} } }, 'GH_CONFIG_VALUE services.orders.routes[0].addresses'],
  [
    'bits behind a prefix',
    { route: { addresses: { allow: ['10.0.0.1/8'] } } },
    'GH_CONFIG_VALUE services.orders.routes[0].addresses.allow[0]',
  ],
  ['10MB', { route: { body: { max: '10MB' } } }, 'GH_CONFIG_VALUE services.orders.routes[0].body.max'],
  ['another version', { top: { version: 2 } }, 'GH_CONFIG_VALUE version'],
  ['no version', { top: { version: undefined } }, 'GH_CONFIG_MISSING version'],
  ['no service', { top: { services: {} } }, 'GH_CONFIG_MISSING services'],
  [
    'a service without routes',
    { top: { services: { a: { upstreams: ['http://a'], routes: [] } } } },
    'GH_CONFIG_VALUE services.a.routes',
  ],
])('the policy parser rejects an invalid policy: %s', (_what, patch, problem) => {
  expect(say(policyWith(patch))).toEqual([problem])
})

test.each([
  [{ route: { requires: 'public' } }, 'services.orders.routes[0].requires', 'did you mean require?'],
  [{ route: { require: { scope: {} } } }, 'services.orders.routes[0].require.scope', 'did you mean scopes?'],
  [
    { route: { require: { not: { any: [{ role: {} }] } } } },
    'services.orders.routes[0].require.not.any[0].role',
    'did you mean roles?',
  ],
  [{ service: { timeouts: { conect: '1s' } } }, 'services.orders.timeouts.conect', 'did you mean connect?'],
  [
    { service: { roles: { m: { claim: 'a', any: ['b'], anny: 1 } } } },
    'services.orders.roles.m.anny',
    'did you mean any?',
  ],
  [{ issuer: { audiences: [] } }, 'issuers.main.audiences', 'did you mean audience?'],
  [{ top: { zzz: 1 } }, 'zzz', 'known keys: version, issuers, limits, on_outage, services'],
])(
  'the error for an unknown policy key suggests a similar known key or lists the known keys: %j',
  (patch, path, hint) => {
    expect(problemsOf(policyWith(patch as Record<string, Patch>))).toMatchObject([
      { code: 'GH_CONFIG_UNKNOWN_KEY', path, hint },
    ])
  },
)

test('the policy parser reports all problems together, in the order of the text, each with line, column and path', () => {
  const text = `version: 1
issuers:
  main:
    issuer: https://idp.test
    audence: [a]
services:
  orders:
    upstreams: [http://a, "http://b/c"]
    routes:
      - id: r
        match: { path: /, methods: [get] }
        require: {}
`
  expect(problemsOf(text).map(({ code, line, column, path }) => [code, line, column, path])).toEqual([
    ['GH_CONFIG_UNKNOWN_KEY', 5, 5, 'issuers.main.audence'],
    ['GH_CONFIG_VALUE', 8, 27, 'services.orders.upstreams[1]'],
    ['GH_CONFIG_VALUE', 11, 37, 'services.orders.routes[0].match.methods[0]'],
    ['GH_POLICY_REQUIREMENT', 12, 9, 'services.orders.routes[0].require'],
  ])
})

test('the policy parser quotes no value of the policy in its errors, because the value can be a misplaced secret', () => {
  const text = policyWith({
    issuer: { issuer: 'https://u:hunter2@idp.test', profile: 'hunter2', jwks_uri: 'hunter2' },
    service: { upstreams: ['http://u:hunter2@h'], host: 'hunter2', timeouts: { connect: 'hunter2' } },
    route: { require: 'hunter2', body: { max: 'hunter2' } },
  })
  const problems = problemsOf(text)

  expect(problems).toHaveLength(8)
  expect(JSON.stringify(problems)).not.toContain('hunter2')
})

test('the policy parser reports at most 100 problems of a document', () => {
  const many = Array.from({ length: 5000 }, (_, i) => `k${i}: 1`).join('\n')

  expect(problemsOf(`version: 1\n${many}\n`)).toHaveLength(100)
})

const issuers = 'issuers: { main: { issuer: https://idp.test, audience: [a] } }'
const serviceText = (id: string, route = id) =>
  `version: 1\nservices:\n  ${id}: { upstreams: [http://a], ` +
  `routes: [{ id: ${route}, match: { path: /${route} }, require: public }] }\n`

function folderOf(name: string, files: Record<string, string>): string {
  const folder = join(root, name)
  mkdirSync(folder)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return folder
}

test('the YAML files of a policy folder form one policy, in the order of their names', () => {
  const texts = { 'b.yaml': serviceText('b'), 'a.yaml': `version: 1\n${issuers}\n`, 'notes.txt': '!', '.c.yaml': '!' }
  const folder = folderOf('split', texts)
  const source = loadPolicy(folder)

  expect(Object.keys(source.document.services)).toEqual(['b'])
  expect(Object.keys(source.document.issuers)).toEqual(['main'])
  expect(source.files).toEqual([join(folder, 'a.yaml'), join(folder, 'b.yaml')])
  expect(source.locate(['services', 'b', 'routes', 0, 'id'])).toEqual({
    file: join(folder, 'b.yaml'),
    line: 3,
    column: 42,
  })
  expect(source.locate(['issuers', 'main'])).toMatchObject({ file: join(folder, 'a.yaml'), line: 2 })
  expect(source.revision).toBe(
    createHash('sha256')
      .update(texts['a.yaml'] + texts['b.yaml'])
      .digest('hex')
      .slice(0, 12),
  )
})

test('the policy parser rejects a service or an issuer that is defined in two files, and the error names both files', () => {
  const one = `${serviceText('orders')}${issuers}\n`
  const folder = folderOf('owners', { 'one.yaml': one, 'two.yaml': one })
  const problems = problemsIn(() => loadPolicy(folder))

  expect(problems.map(({ code, path }) => `${code} ${path}`).sort()).toEqual([
    'GH_POLICY_OWNER issuers.main',
    'GH_POLICY_OWNER services.orders',
  ])
  for (const { message, file } of problems) {
    expect(file).toBe(join(folder, 'two.yaml'))
    expect(message).toContain(join(folder, 'one.yaml'))
    expect(message).toContain(join(folder, 'two.yaml'))
  }
})

test('each file of a policy folder needs a version, and problems of all files are reported together', () => {
  const folder = folderOf('versions', {
    'a.yaml': serviceText('a').replace('version: 1\n', ''),
    'b.yaml': 'version: 1\nx: 1\n',
  })

  expect(problemsIn(() => loadPolicy(folder)).map(({ code, file }) => [code, file])).toEqual([
    ['GH_CONFIG_MISSING', join(folder, 'a.yaml')],
    ['GH_CONFIG_UNKNOWN_KEY', join(folder, 'b.yaml')],
  ])
})

test.each([
  ['a missing file', () => join(root, 'nowhere.yaml'), 'cannot be read (ENOENT)'],
  ['an empty folder', () => folderOf('empty', {}), 'the folder contains no *.yaml file'],
  [
    'a folder with the name of a YAML file',
    () => {
      const folder = folderOf('odd', {})
      mkdirSync(join(folder, 'a.yaml'))
      return folder
    },
    'cannot be read (EISDIR)',
  ],
])('a policy that cannot be read causes a ConfigError with the cause: %s', (_what, make, message) => {
  const path = make()

  expect(problemsIn(() => loadPolicy(path))).toMatchObject([{ code: 'GH_CONFIG_UNREADABLE', message }])
})

test.each(['', '# nothing\n', 'null\n', '[]\n', 'text\n', serviceText('a').slice(0, 70)])(
  'the policy parser reports a problem for the invalid text %j and does not crash',
  (text) => {
    expect(problemsOf(text)).not.toEqual([])
  },
)

test('the policy parser rejects a policy file above 1 MiB', () => {
  const path = join(root, 'large.yaml')
  writeFileSync(path, `# ${'x'.repeat(1_048_576)}\n`)

  expect(problemsIn(() => loadPolicy(path))).toMatchObject([{ code: 'GH_CONFIG_TOO_LARGE', file: path }])
})

test('every problem code of settings and policies has an explanation', () => {
  for (const [code, why] of Object.entries(problemCodes)) {
    expect(code).toMatch(/^GH_(CONFIG|POLICY)_[A-Z_]+$/)
    expect(why).toMatch(/^[A-Z].{20,}\.$/)
  }
})

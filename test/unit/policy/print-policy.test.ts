// `check --print` prints the whole policy with every default. The printed policy is itself a valid policy.

import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { z } from 'zod'
import { policySchema } from '../../../gateway/policy/policy-schema.ts'
import { readPolicy } from '../../../gateway/policy/policy-source.ts'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'

function printed(policy: object): unknown {
  return printPolicy(readPolicy([{ file: 'policy.yaml', bytes: Buffer.from(stringify(policy)) }]).document)
}

const main = { issuer: 'https://idp.test', audience: ['a'] }
const tree = {
  any: [
    { scopes: { any: ['s'] } },
    { all: [{ not: { roles: { all: ['r'] } } }] },
    { claims: { 'a.b': { any: ['x', 1, true] } } },
    { claims: [{ claim: ['a.b'], all: ['y'] }] },
    { email: { domain: ['corp.example'], addresses: { file: 'users' }, verified: 'issuer' } },
    { clients: { any: ['c'] } },
    { headers: { 'X-Tenant': { any: ['t'] } } },
    { addresses: { deny: ['10.0.0.1'] } },
    { time: { from: '22:00', to: '06:00', not_before: '2026-01-01T01:00:00+01:00' } },
    { session: 'main' },
    { acr: ['urn:strong'], max_age: '120s' },
  ],
}
const limits = [
  { name: 'a', by: 'subject', requests: 10, window: '60s', burst: 5 },
  { name: 'b', by: ['client', { claim: 'tenant.id' }], requests: 10, window: '1h', cost: 2, burst: 4, shadow: true },
]
const full = {
  version: 1,
  limits,
  issuers: {
    main: {
      ...main,
      client_claim: 'cid',
      jwks_uri: 'https://idp.test/jwks',
      recheck: '90s',
      introspection: {
        endpoint: 'https://idp.test/introspect',
        client_id: 'gate',
        client_auth: 'client_secret_post',
        client_secret: { env: 'S', expires: '2030-01-31' },
        private_key: { file: 'key', expires: '2030-01-31' },
        certificate: 'cert.pem',
        certificate_key: { env: 'K', expires: '2030-01-31' },
      },
      login: {
        client_id: 'web',
        redirect: 'issuer',
        host: 'auth.test',
        return_to: ['*.app.test'],
        client_auth: 'client_secret_post',
        client_secret: { env: 'S', expires: '2030-01-31' },
        private_key: { file: 'key', expires: '2030-01-31' },
        certificate: 'cert.pem',
        certificate_key: { env: 'K', expires: '2030-01-31' },
        resource: 'https://api.test',
        prompt: 'login',
        subject_claim: 'oid',
        parameters: { access_type: 'offline' },
      },
    },
  },
  on_outage: { introspection: 'stale 90s' },
  services: {
    s: {
      upstreams: ['https://s.test/'],
      protocol: 'h2',
      health: { path: '/healthz', expect: ['200-299', 401] },
      grpc: { max_message: '8MiB' },
      upstream_tls: {
        ca: 'ca.pem',
        certificate: 'gate.pem',
        key: { file: 'gate.key', expires: '2030-01-31' },
        server_name: 's.internal',
      },
      cors: { origins: ['https://app.test'] },
      limits,
      retry: { on: ['timeout'], per_try: '90s' },
      roles: { r: { claim: ['x.y', 'z'], any: ['v'] } },
      accept: ['bearer', 'basic'],
      basic: { scopes: ['orders:read'] },
      routes: [
        {
          id: 'r',
          match: { path: '/a/**', host: 'a.test' },
          require: tree,
          shadow: { require: tree },
          limits,
          on_outage: { limits: 'closed', introspection: 'stale 90s' },
          addresses: { allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] },
          rewrite: { strip_prefix: '/a', add_prefix: '/b' },
          accept: ['basic'],
          basic: { issuer: 'main', scopes: ['orders:read'], resource: ['https://api.test'] },
          timeouts: { idle: '90s' },
          retry: { on: [503, 'timeout'], methods: ['POST'], attempts: 3, budget: '5%', per_try: '90s' },
          streams: { max: 10, max_per_subject: 2, max_age: '1h', idle: '10m', hold: '10s', end: 'keep' },
          grpc: { max_message: '1MiB' },
          websocket: {
            origins: ['https://app.test'],
            subprotocols: ['chat'],
            max_message: '64KiB',
            token_in_protocol: true,
          },
        },
      ],
    },
  },
}

interface Schema {
  readonly properties?: Record<string, Schema>
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly anyOf?: Schema[]
}

/** Returns the keys of the schema that a printed policy lacks. The recursive schema of requirements is not searched. */
function lacking(schema: Schema, value: unknown, path = ''): string[] {
  const of = (part: Schema, key: string) => {
    const member = (value as Record<string, unknown>)[key]
    return member === undefined ? [`${path}.${key}`] : lacking(part, member, `${path}.${key}`)
  }
  if (schema.properties !== undefined) return Object.entries(schema.properties).flatMap(([key, part]) => of(part, key))
  if (typeof schema.additionalProperties === 'object') {
    return Object.keys(value as object).flatMap((key) => of(schema.additionalProperties as Schema, key))
  }
  if (schema.items !== undefined)
    return (value as unknown[]).flatMap((each) => lacking(schema.items!, each, `${path}[]`))
  return []
}

const defaultEjection = {
  failures: 5,
  errors: 'none',
  error_rate: '25%',
  slower: 5,
  max_ejected: '50%',
  time: '10s',
  max_time: '5m',
}

const defaultRetry = { on: ['connect', 'reset'], methods: ['GET', 'HEAD', 'OPTIONS'], attempts: 2, budget: '20%' }

test('a printed policy with all settings contains every key of the policy schema, except the second place (env or file) of a secret', () => {
  const schema = z.toJSONSchema(policySchema, { io: 'input' }) as Schema

  // Each secret has two possible places, `env` and `file`.
  const elsewhere = ['client_secret.file', 'private_key.env', 'certificate_key.file']
  const secrets = ['introspection', 'login'].flatMap((part) => elsewhere.map((key) => `.issuers.main.${part}.${key}`))
  // A limit of a route has either requests or messages.
  const messages = limits.map(() => '.services.s.routes[].limits[].messages')
  // A route matches by either path or gRPC method.
  const others = ['.services.s.upstream_tls.key.env', '.services.s.routes[].match.grpc', ...messages]
  expect(lacking(schema, printed(full))).toEqual([...secrets, ...others])
  // Proves that `lacking` finds a key of the schema that is missing in a policy.
  expect(lacking(schema, { ...full, services: { s: { ...full.services.s, roles: {} } } })).toContain('.services.s.host')
})

test('the policy printer prints a requirement with the defaults of the keys that the policy omits', () => {
  const { services } = printed(full) as { services: { s: { routes: { require: unknown; shadow: unknown }[] } } }
  const [route] = services.s.routes
  const understood = {
    any: [
      { scopes: { any: ['s'] } },
      { all: [{ not: { roles: { all: ['r'] } } }] },
      { claims: { 'a.b': { any: ['x', 1, true] } } },
      { claims: [{ claim: ['a.b'], all: ['y'] }] },
      { email: { domain: ['corp.example'], addresses: { file: 'users' }, verified: 'issuer' } },
      { clients: { any: ['c'], issuer: 'main' } },
      { headers: { 'X-Tenant': { any: ['t'] } } },
      { addresses: { deny: ['10.0.0.1'] } },
      {
        time: {
          days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
          from: '22:00',
          to: '06:00',
          zone: 'UTC',
          not_before: '2026-01-01T00:00:00Z',
        },
      },
      { session: 'main' },
      { acr: ['urn:strong'], max_age: '2m' },
    ],
  }

  expect(route?.require).toEqual(understood)
  expect(route?.shadow).toEqual({ require: understood })
})

test('the policy printer prints omitted keys of a policy with their defaults', () => {
  const routes = [{ id: 'r', match: { path: '/' }, require: 'public', timeouts: { total: '1m' } }]

  expect(printed({ version: 1, services: { s: { upstreams: ['http://s.test'], routes } }, issuers: { main } })).toEqual(
    {
      version: 1,
      issuers: {
        main: {
          ...main,
          algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'],
          profile: 'at+jwt',
          clock_tolerance: '5s',
          max_token_lifetime: '1d',
          tokens: 'jwt',
          scope_claim: 'scope',
          scope_array: false,
          keys_stale: '1d',
        },
      },
      limits: [],
      on_outage: { limits: 'local', revocation: 'closed', replay: 'closed' },
      services: {
        s: {
          issuers: ['main'],
          upstreams: ['http://s.test'],
          ejection: defaultEjection,
          slow_start: '10s',
          priority: 'default',
          retry: defaultRetry,
          protocol: 'http1',
          roles: {},
          credentials: 'assertion',
          accept: ['bearer'],
          timeouts: { connect: '2s', first_byte: '30s', idle: '1m', total: 'none' },
          host: 'preserve',
          max_calls: 4096,
          encoded_slashes: 'refuse',
          path_parameters: 'refuse',
          chunked: 'accept',
          trust_trace: true,
          concurrency: 'fixed',
          warm_connections: 0,
          auth_request_headers: false,
          pass_headers: [],
          audit: { when_full: 'open', query: false },
          limits: [],
          on_outage: { limits: 'local', revocation: 'closed', replay: 'closed' },
          routes: [
            {
              id: 'r',
              match: {
                path: '/',
                methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
                fall_through: false,
              },
              require: 'public',
              accept: ['bearer'],
              body: { max: '10MiB' },
              timeouts: { first_byte: '30s', idle: '1m', total: '1m' },
              priority: 'default',
              retry: defaultRetry,
              credentials: 'assertion',
              limits: [],
              on_outage: { limits: 'local', revocation: 'closed', replay: 'closed' },
              streams: { max_age: 'none', idle: 'none', end: 'end' },
              audit: { when_full: 'open', query: false },
            },
          ],
        },
      },
    },
  )
})

test.each([
  [
    [
      { claim: 'b', any: ['1'] },
      { claim: 'a', any: ['1'] },
    ],
    { b: { any: ['1'] }, a: { any: ['1'] } },
  ],
  // Cases in which printing by name would lose the order of claims, one of two claims, or a dot in a name.
  [
    [
      { claim: 'b', any: ['1'] },
      { claim: '7', any: ['1'] },
    ],
    undefined,
  ],
  [
    [
      { claim: 'b', any: ['1'] },
      { claim: 'b', any: ['2'] },
    ],
    undefined,
  ],
  [[{ claim: ['b.c'], any: ['1'] }], undefined],
  [[{ claim: 'constructor', any: ['1'] }], undefined],
  [[{ claim: ['__proto__'], any: ['1'] }], undefined],
])(
  'the policy printer prints claim requirements as a mapping by name, or as a list if a mapping cannot express them: %j',
  (claims, byName) => {
    const routes = [{ id: 'r', match: { path: '/' }, require: { claims } }]
    const policy = { version: 1, issuers: { main }, services: { s: { upstreams: ['http://s.test'], routes } } }
    const { services } = printed(policy) as { services: { s: { routes: { require: { claims: unknown } }[] } } }
    const unlisted = claims.map(({ claim, any }) => ({
      claim: typeof claim === 'object' && !claim[0]!.includes('.') ? claim[0] : claim,
      any,
    }))

    expect(services.s.routes[0]?.require.claims).toEqual(byName ?? unlisted)
    expect(printed(printed(policy) as object)).toEqual(printed(policy))
  },
)

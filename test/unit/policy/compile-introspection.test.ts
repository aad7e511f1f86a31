// Compilation of the introspection settings of issuers. Contradictory and unused settings are errors.

import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { ConfigError } from '../../../gateway/config/problem.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { readPolicy } from '../../../gateway/policy/policy-source.ts'
import type { Snapshot } from '../../../gateway/policy/snapshot.ts'

const issuer = { issuer: 'https://idp.test', audience: ['a'] }
const secret = { client_secret: { env: 'S' } }
const key = { private_key: { file: 'key.pem' } }
const certificate = { certificate: 'c.pem', certificate_key: { file: 'c.key' } }

function compiled(main: object, outages: object[] = [{}], more: Record<string, object> = {}): Snapshot {
  const routes = outages.map((on_outage, i) => ({
    id: `r${i}`,
    match: { path: `/r${i}` },
    require: { scopes: { all: ['s'] } },
    on_outage,
  }))
  const policy = {
    version: 1,
    issuers: { main: { ...issuer, ...main }, ...more },
    services: { s: { issuers: ['main', ...Object.keys(more)], upstreams: ['http://s.test'], routes } },
  }
  return compilePolicy(readPolicy([{ file: '/etc/gate/policy.yaml', bytes: Buffer.from(stringify(policy)) }]))
}

const asking = (introspection: object) => ({ tokens: 'opaque', introspection: { client_id: 'gate', ...introspection } })

function problemsOf(work: () => unknown): string[] {
  try {
    work()
    return []
  } catch (error) {
    return (error as ConfigError).problems.map(({ code, path, message }) => `${code} ${path}: ${message}`)
  }
}

test.each([
  [secret, { method: 'client_secret_basic', secret: { env: 'S' } }],
  [
    { ...secret, client_auth: 'client_secret_post' },
    { method: 'client_secret_post', secret: { env: 'S' } },
  ],
  [key, { method: 'private_key_jwt', key: { file: '/etc/gate/key.pem' } }],
  [certificate, { method: 'tls_client_auth', certFile: '/etc/gate/c.pem', key: { file: '/etc/gate/c.key' } }],
])(
  'the policy compiler compiles the introspection credentials %j to a client authentication method, with file paths relative to the policy',
  (given, auth) => {
    expect(compiled(asking(given)).issuers.get(issuer.issuer)!.introspection!.auth).toEqual(auth)
  },
)

test('the policy compiler sets the default of each omitted introspection key', () => {
  expect(compiled(asking(secret)).issuers.get(issuer.issuer)!.introspection).toMatchObject({
    endpoint: undefined,
    clientId: 'gate',
    response: 'json',
    cacheMs: 30_000,
    negativeCacheMs: 5000,
    staleMs: 60_000,
    keepStaleMs: 60_000,
    timeoutMs: 2000,
    concurrency: 32,
    ratePerS: 100,
  })
})

test('each route has its own maximum age of stale introspection responses, and the gate keeps responses for the longest of these maximum ages', () => {
  const outages = [{}, { introspection: 'closed' }, { introspection: 'stale 2m' }]
  const { issuers, routes } = compiled(asking(secret), outages)

  expect(routes.map(({ introspection }) => introspection.staleMs)).toEqual([undefined, 0, 120_000])
  expect(issuers.get(issuer.issuer)!.introspection!.keepStaleMs).toBe(120_000)
})

test('in a compiled policy, routes with the same issuers share one list of issuers that can introspect their tokens', () => {
  const { routes } = compiled(asking(secret), [{}, { introspection: 'closed' }])

  expect(routes[0]!.introspection.asked).toBe(routes[1]!.introspection.asked)
  expect(routes[0]!.introspection.asked.map(({ name }) => name)).toEqual(['main'])
  expect(compiled({}).routes[0]!.introspection.asked).toEqual([])
})

test.each([
  ['opaque tokens without introspection', { tokens: 'opaque' }, 'introspection: is required with tokens: opaque'],
  ['any tokens without introspection', { tokens: 'any' }, 'introspection: is required with tokens: any'],
  ['recheck without introspection', { recheck: '60s' }, 'introspection: is required with recheck'],
  ['introspection that no token needs', { ...asking(secret), tokens: 'jwt' }, 'introspection: is never used'],
  ['recheck of opaque tokens', { ...asking(secret), recheck: '60s' }, 'recheck: applies only to JWTs'],
  ['introspection without a client credential', asking({}), 'introspection: needs a client credential'],
  ['two client credentials', asking({ ...secret, ...key }), 'introspection: has client_secret and private_key'],
  [
    'a certificate without its key',
    asking({ certificate: 'c.pem' }),
    'certificate and certificate_key must be set together',
  ],
  [
    'a certificate key without its certificate',
    asking({ ...secret, certificate_key: { env: 'K' } }),
    'certificate and certificate_key must be set together',
  ],
  [
    'a client secret for private_key_jwt',
    asking({ ...secret, client_auth: 'private_key_jwt' }),
    'cannot use client_secret; use client_secret_basic',
  ],
  [
    'a private key for client_secret_post',
    asking({ ...key, client_auth: 'client_secret_post' }),
    'cannot use private_key; use private_key_jwt',
  ],
  [
    'a certificate for private_key_jwt',
    asking({ ...certificate, client_auth: 'private_key_jwt' }),
    'cannot use certificate; use tls_client_auth',
  ],
])('the policy compiler rejects an issuer with %s', (_, main, message) => {
  const problems = problemsOf(() => compiled(main))

  expect(problems.length).toBe(1)
  expect(problems[0]).toContain('GH_POLICY_INTROSPECTION issuers.main.')
  expect(problems[0]).toContain(message)
})

test('the policy compiler rejects a service with five issuers of opaque tokens, because each issuer would receive every token', () => {
  const others = [1, 2, 3, 4].map((n) => [
    `i${n}`,
    { ...asking(secret), issuer: `https://i${n}.test`, audience: ['a'] },
  ])

  expect(problemsOf(() => compiled(asking(secret), [{}, {}], Object.fromEntries(others)))).toEqual([
    'GH_POLICY_INTROSPECTION services.s: has 5 issuers with opaque tokens, at most 4 are allowed, because each of them receives every opaque token',
  ])
})

import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueSecrets } from '../kit/opaque-gate.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, identity, refused } from './admission.ts'

// Selection of the tokens that the gate introspects, and of their issuer: `tokens: any`, `recheck`, services with
// several issuers.

const names = ['jwt', 'any', 'first', 'second', 'rechecked'] as const
type Name = (typeof names)[number]

const issuers = {} as Record<Name, IntrospectionIssuer>
let orders: TestUpstream
let gate: Gate

const introspection = {
  client_id: 'gatehouse',
  client_secret: { env: 'TEST_INTROSPECTION_SECRET' },
  cache: '1s',
  negative_cache: '100ms',
  stale: '0s',
  timeout: '20s',
}

beforeAll(async () => {
  for (const name of names) issuers[name] = await startIntrospectionIssuer()
  orders = await startUpstream()
  const entry = (name: Name, more: object) => ({ issuer: issuers[name].url, audience: [testAudience], ...more })
  const service = (path: string, listed: Name[]) => ({
    issuers: listed,
    upstreams: [orders.url],
    routes: [{ id: `${path}.read`, match: { path: `/${path}/**` }, require: { scopes: { all: ['orders:read'] } } }],
  })
  const policy = {
    version: 1,
    issuers: {
      jwt: entry('jwt', {}),
      any: entry('any', { tokens: 'any', introspection }),
      first: entry('first', { tokens: 'opaque', introspection }),
      second: entry('second', { tokens: 'opaque', introspection }),
      // `recheck` is longer than the time between two consecutive requests of the test, even on a busy machine.
      rechecked: entry('rechecked', { recheck: '4s', introspection: { ...introspection, cache: '4s' } }),
    },
    services: {
      jwt: service('jwt', ['jwt']),
      any: service('any', ['any', 'jwt']),
      one: service('one', ['first']),
      other: service('other', ['second']),
      both: service('both', ['jwt', 'first', 'second']),
      rechecked: service('rechecked', ['rechecked']),
    },
  }
  gate = { node: await startNode({ policy, env: opaqueSecrets }), services: [orders] }
})

const askedAbout = (token: string) => names.reduce((sum, name) => sum + issuers[name].askedAbout(token), 0)

test('with tokens: any, the gate verifies JWTs of listed issuers locally and introspects an opaque token', async () => {
  for (const jwt of [issuers.any.sign(), issuers.jwt.sign()]) {
    await admitted(gate, { target: '/any/1', token: jwt })
    expect(askedAbout(jwt)).toBe(0)
  }

  const token = issuers.any.issue()
  await admitted(gate, { target: '/any/1', token })
  expect(issuers.any.askedAbout(token)).toBe(1)
})

test('with tokens: any, the gate introspects a JWT without iss like an opaque token', async () => {
  const token = issuers.any.sign({ claims: { iss: undefined } })
  await admitted(gate, { target: '/any/1', token: issuers.any.issue({}, token) })
})

test('S-073: the gate introspects no opaque token for a service with JWT issuers only', async () => {
  const token = issuers.any.issue()
  await refused(gate, { target: '/jwt/1', token }, badToken('token-malformed'))

  expect(askedAbout(token)).toBe(0)
})

test('the gate admits an opaque token only at services that list its issuer', async () => {
  const token = issuers.second.issue({ sub: 'carol' })
  const { received } = await admitted(gate, { target: '/both/1', token })
  expect(await identity(gate, received)).toMatchObject({ sub: 'carol', token_issuer: issuers.second.url })

  await refused(gate, { target: '/one/1', token }, badToken('token-inactive'))
  await admitted(gate, { target: '/other/1', token })
})

test('S-106: for a token text that two issuers know, the gate uses the issuer of the service, and rejects the token at a service that lists both issuers', async () => {
  const token = issuers.first.issue({ sub: 'first-sub' })
  issuers.second.issue({ sub: 'second-sub' }, token)
  for (let i = 0; i < 3; i++) {
    for (const [target, sub] of [
      ['/one/1', 'first-sub'],
      ['/other/1', 'second-sub'],
    ] as const) {
      const { received } = await admitted(gate, { target, token })
      expect(await identity(gate, received)).toMatchObject({ sub })
    }
  }
  await sleep(1100)

  await refused(gate, { target: '/both/1', token }, badToken('token-ambiguous'))
})

test('the gate replies 503 to an opaque token while one of the possible issuers fails', async () => {
  const token = issuers.first.issue()
  issuers.second.script = () => ({ status: 500, body: '' })

  await refused(
    gate,
    { target: '/both/1', token },
    { status: 503, code: 'unavailable', reason: 'introspection-unavailable', decision: 'failed' },
  )
  issuers.second.script = undefined
  await admitted(gate, { target: '/both/1', token })
})

test('with recheck, the gate introspects a JWT at first use and periodically, and uses the claims of the JWT', async () => {
  const issuer = issuers.rechecked
  let token = ''
  issuer.script = () => ({ body: '{"active":true}' })
  // If two requests took longer than `recheck` (4 s) on a busy machine, the test tries again with another token.
  await until('two requests within the time of recheck', async () => {
    const startedMs = performance.now()
    token = issuer.sign({ claims: { sub: 'dave' } })
    const { received } = await admitted(gate, { target: '/rechecked/1', token })
    await admitted(gate, { target: '/rechecked/1', token })
    const inTime = performance.now() - startedMs < 4000
    expect(await identity(gate, received)).toMatchObject({ sub: 'dave' })
    if (inTime) expect(issuer.askedAbout(token)).toBe(1)
    return inTime
  })

  await until('the token is introspected again', async () => {
    await admitted(gate, { target: '/rechecked/1', token })
    return issuer.askedAbout(token) >= 2
  })

  issuer.script = undefined
  issuer.revoke(token)
  await sleep(4100)
  await refused(gate, { target: '/rechecked/1', token }, badToken('token-inactive'))
})

test('with recheck, the gate rejects a JWT that was revoked at the issuer, and does not introspect a forged JWT', async () => {
  const issuer = issuers.rechecked
  const ended = issuer.sign()
  issuer.revoke(ended)
  await refused(gate, { target: '/rechecked/1', token: ended }, badToken('token-inactive'))

  const forged = `${issuer.sign().slice(0, -8)}AAAAAAAA`
  await refused(gate, { target: '/rechecked/1', token: forged }, badToken('token-signature'))
  expect(issuer.askedAbout(forged)).toBe(0)
})

test('with recheck, an unavailable issuer or an introspection response for another token causes 503', async () => {
  const issuer = issuers.rechecked
  const unavailable = { status: 503, code: 'unavailable', reason: 'introspection-unavailable', decision: 'failed' }
  const token = issuer.sign({ claims: { sub: 'erin' } })
  issuer.script = () => ({ status: 500, body: '' })
  await refused(gate, { target: '/rechecked/1', token }, unavailable)
  issuer.script = () => ({ body: JSON.stringify({ active: true, sub: 'mallory' }) })
  await refused(gate, { target: '/rechecked/1', token }, unavailable)

  issuer.script = undefined
  await admitted(gate, { target: '/rechecked/1', token })
})

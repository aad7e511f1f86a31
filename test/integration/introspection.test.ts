import { beforeAll, expect, test } from 'vitest'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { introspectionSecret, opaqueGate } from '../kit/opaque-gate.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, identity, refused } from './admission.ts'

// RFC 7662: the issuer decides whether an opaque token is active. The gate validates the introspection response by
// the rules for JWTs of the issuer.

let issuer: IntrospectionIssuer
let orders: TestUpstream
let node: TestNode
let gate: Gate

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  orders = await startUpstream()
  // Both times are longer than a test takes on a busy machine, so that no introspection times out and no cached
  // response expires.
  const introspection = { timeout: '20s', cache: '5m', negative_cache: '1m' }
  node = await startNode(opaqueGate({ issuer: issuer.url, orders: orders.url, introspection }))
  gate = { node, services: [orders] }
})

test('the gate admits an active opaque token, and the service gets the identity of the token', async () => {
  const token = issuer.issue({ sub: 'bob', client_id: 'web', scope: 'orders:read extra', sid: 's-1' })

  const { received } = await admitted(gate, { target: '/orders/1', token })

  expect(await identity(gate, received)).toMatchObject({
    sub: 'bob',
    client_id: 'web',
    sid: 's-1',
    token_issuer: issuer.url,
  })
})

test('the gate introspects a token only once within the cache time of the introspection response', async () => {
  const token = issuer.issue()
  for (let i = 0; i < 5; i++) await admitted(gate, { target: '/orders/1', token })

  expect(issuer.askedAbout(token)).toBe(1)
})

test('the introspection request has token, hint and client authentication (RFC 6749 §2.3.1)', async () => {
  const token = issuer.issue()
  await admitted(gate, { target: '/orders/1', token })

  const { form, headers } = issuer.asked.find((asked) => asked.token === token)!
  expect(form.get('token_type_hint')).toBe('access_token')
  expect(headers.accept).toBe('application/json')
  const basic = Buffer.from(headers.authorization!.replace('Basic ', ''), 'base64').toString()
  expect(basic).toBe(`gatehouse:${new URLSearchParams([['', introspectionSecret]]).toString().slice(1)}`)
})

test.each([
  ['inactive', { active: false }, 'token-inactive'],
  ['active by a text value (S-074)', { active: 'true' }, 'token-inactive'],
  ['active by a number (S-074)', { active: 1 }, 'token-inactive'],
  ['without `active` in the response (S-074)', {}, 'token-inactive'],
  ['of another audience (S-074)', { active: true, aud: 'https://other.test' }, 'token-audience'],
  ['expired (S-074)', { active: true, exp: 1000 }, 'token-expired'],
  ['without exp', { active: true, exp: undefined }, 'token-lifetime'],
  ['not yet valid', { active: true, nbf: 9_000_000_000 }, 'token-not-yet-valid'],
  ['of another issuer', { active: true, iss: 'https://evil.example' }, 'token-issuer-not-accepted'],
  ['of another type', { active: true, token_type: 'N_A' }, 'token-type'],
  ['a refresh token', { active: true, typ: 'Refresh' }, 'token-type'],
  ['bound to a key', { active: true, cnf: { jkt: 'x' } }, 'token-binding'],
  ['bound to a key by its type', { active: true, token_type: 'DPoP' }, 'token-binding'],
  ['with a scope that is a list', { active: true, scope: ['orders:read'] }, 'token-claims-malformed'],
  ['without a subject', { active: true, sub: undefined, client_id: undefined }, 'token-subject-missing'],
])('the gate rejects an opaque token that is %s', async (_, said, reason) => {
  const token = issuer.issue()
  const truth = issuer.truth(token) as Record<string, unknown>
  const { active: __, ...good } = truth
  issuer.script = (asked) =>
    asked.token === token
      ? { body: JSON.stringify('active' in said && said.active === true ? { ...good, ...said } : said) }
      : undefined

  await refused(gate, { target: '/orders/1', token }, badToken(reason))

  issuer.script = undefined
})

test('the gate identifies an opaque token without sub by its client_id', async () => {
  const token = issuer.issue({ sub: undefined, client_id: 'batch' })
  const { received } = await admitted(gate, { target: '/orders/1', token })

  expect(await identity(gate, received)).toMatchObject({ sub: 'batch', client_id: 'batch' })
})

test('the gate introspects an inactive token once, not for each request', async () => {
  for (let i = 0; i < 4; i++)
    await refused(gate, { target: '/orders/1', token: 'unheard-of' }, badToken('token-inactive'))

  expect(issuer.askedAbout('unheard-of')).toBe(1)
})

test.each([
  ['a malformed bearer token', 'a"b', 'token-malformed'],
  ['a token that is too long', 'a'.repeat(9000), 'token-too-long'],
  ['a JWT that names an issuer of opaque tokens (S-073)', () => issuer.sign(), 'token-type'],
  ['a JWT without claims', 'e30.e30.e30', 'token-issuer-unknown'],
  [
    'a JWT of an unknown issuer',
    () => issuer.sign({ claims: { iss: 'https://stranger.example' } }),
    'token-issuer-unknown',
  ],
])('the gate does not introspect %s', async (_, token, reason) => {
  const text = typeof token === 'string' ? token : token()
  await refused(gate, { target: '/orders/1', token: text }, badToken(reason))

  expect(issuer.askedAbout(text)).toBe(0)
})

test('concurrent first requests with one token cause one introspection', async () => {
  const token = issuer.issue()
  issuer.delayMs = 150
  const replies = await Promise.all(
    Array.from({ length: 35 }, () => request(node.port, requestBytes({ target: '/orders/1', token }))),
  )
  issuer.delayMs = 0

  expect(replies.map(({ status }) => status)).toEqual(Array(35).fill(200))
  expect(issuer.askedAbout(token)).toBe(1)
})

test('the gate checks the scopes of a token on every request, also when the token is cached', async () => {
  const token = issuer.issue({ scope: 'reports:read' })
  for (let i = 0; i < 2; i++) {
    const reply = await request(node.port, requestBytes({ target: '/orders/1', token }))
    expect(reply.status).toBe(403)
  }
})

import { beforeAll, expect, test } from 'vitest'
import { admitted, badToken, type Gate, refused } from '../integration/admission.ts'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// Introspection by a node that has no Redis.

let issuer: IntrospectionIssuer
let gate: Gate
let orders: string

const introspection = { cache: '1s', stale: '0s', negative_cache: '0s' }
const rechecked = (more: object = {}) =>
  opaqueGate({ issuer: issuer.url, orders, introspection, main: { tokens: 'jwt', recheck: '30s', ...more } })

const unavailable = { status: 503, code: 'unavailable', reason: 'introspection-unavailable', decision: 'failed' }

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  const upstream = await startUpstream()
  orders = upstream.url
  gate = { node: await startNode(rechecked()), services: [upstream] }
})

async function apply(policy: object | string): Promise<void> {
  const revision = gate.node.writePolicy(policy)
  await gate.node.waitForLine((line) => line.msg === 'policy changed' && line['revision'] === revision)
}

test('a JWT that the gate also introspects (`recheck`) stays valid when a policy change edits its issuer', async () => {
  const token = issuer.sign()
  await admitted(gate, { target: '/orders/1', token })

  await apply(rechecked({ audience: [testAudience, 'https://another.test'] }).policy)

  await admitted(gate, { target: '/orders/1', token })
  await admitted(gate, { target: '/orders/1', token })
})

// RFC 7800 §3.1: the gate must reject a token with a key binding that it cannot check, whether `cnf` or `token_type`
// states the binding.
test.each([
  ['cnf', { cnf: { jkt: 'x' } }],
  ['token_type', { token_type: 'DPoP' }],
])('the gate rejects a JWT that the issuer reports as key-bound in %s (`recheck`)', async (_, claims) => {
  const token = issuer.sign()
  issuer.script = () => ({ body: JSON.stringify({ active: true, ...claims }) })
  await refused(gate, { target: '/orders/1', token }, badToken('token-binding'))
  issuer.script = undefined

  expect(issuer.askedAbout(token)).toBe(1)
})

test.each([
  ['a reply beyond the size limit', () => ({ body: `{"pad":"${'x'.repeat(300_000)}"}` })],
  ['a compressed reply', () => ({ headers: { 'content-encoding': 'gzip' }, body: 'x' })],
])('failed introspections of unknown tokens (%s) do not make the gate reject other tokens', async (_, script) => {
  const strangers = Array.from({ length: 4 }, () => issuer.sign())
  issuer.script = ({ token }) => (strangers.includes(token) ? script() : undefined)
  for (const token of strangers) await refused(gate, { target: '/orders/1', token }, unavailable)

  await admitted(gate, { target: '/orders/1', token: issuer.sign() })
  issuer.script = undefined
})

test('the gate still uses a discovered introspection endpoint while the issuer metadata is unavailable', async () => {
  const stranger = issuer.sign()
  await admitted(gate, { target: '/orders/1', token: issuer.sign() })
  issuer.answer('discovery', { status: 404 })
  // After the issuer replies 400 to an introspection request, the gate reads its client secret and the introspection
  // endpoint again.
  issuer.script = ({ token }) => (token === stranger ? { status: 400 } : undefined)
  await refused(gate, { target: '/orders/1', token: stranger }, unavailable)

  for (let i = 0; i < 4; i++) await admitted(gate, { target: '/orders/1', token: issuer.sign() })
  issuer.answer('discovery')
  issuer.script = undefined
})

test.each([
  ['are not fetched if introspection replies are unsigned', 'json', 0],
  ['are fetched if introspection replies are signed', 'jwt', 1],
])('while a node introspects opaque tokens of an issuer, the keys of the issuer %s', async (_, response, fetched) => {
  const keyless = await startIntrospectionIssuer()
  const options = opaqueGate({ issuer: keyless.url, orders, introspection: { response } })
  const node = await startNode(options)
  await request(node.port, requestBytes({ target: '/orders/1', token: keyless.issue() }))

  await expect.poll(() => keyless.fetches.keys).toBe(fetched)
})

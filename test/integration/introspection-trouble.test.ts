import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { type IntrospectionIssuer, type Script, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, type Refusal, refused } from './admission.ts'

// docs/design/contract.md §14: a failing issuer causes 503 and never 401. The gate uses the last introspection
// response for the time that the policy states, and never after the token has expired.

let issuer: IntrospectionIssuer
let orders: TestUpstream
let node: TestNode
let gate: Gate

const unavailable: Refusal = {
  status: 503,
  code: 'unavailable',
  reason: 'introspection-unavailable',
  fields: { 'retry-after': '2' },
  decision: 'failed',
}

const route = (id: string, path: string, more: object = {}) => ({
  id,
  match: { path, methods: ['GET'] },
  require: { scopes: { all: ['orders:read'] } },
  ...more,
})

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  orders = await startUpstream()
  node = await startNode(
    opaqueGate({
      issuer: issuer.url,
      orders: orders.url,
      introspection: { cache: '1s', stale: '0s', timeout: '3s', negative_cache: '100ms' },
      ordersEntry: {
        routes: [
          route('orders.closed', '/closed/**', { on_outage: { introspection: 'closed' } }),
          route('orders.default', '/default/**'),
          route('orders.brief', '/brief/**', { on_outage: { introspection: 'stale 1s' } }),
          route('orders.stale', '/stale/**', { on_outage: { introspection: 'stale 60s' } }),
        ],
      },
    }),
  )
  gate = { node, services: [orders] }
})

afterEach(() => {
  issuer.script = undefined
})

/** Sends requests with the token until one of them gets `status`. */
const untilIs = (status: number, target: string, token: string) =>
  until(`${status} for ${target}`, async () => {
    return (await request(node.port, requestBytes({ target, token }))).status === status
  })

const json = (body: object, more: Script = {}): Script => ({ body: JSON.stringify(body), ...more })

/**
 * Replies of an issuer that are no valid introspection responses. The gate must read none of them as `active: false`.
 */
const troubles: readonly [string, (truth: object) => Script][] = [
  ['status 400 with the error invalid_scope', () => json({ error: 'invalid_scope' }, { status: 400 })],
  ['unsupported_token_type with status 500', () => json({ error: 'unsupported_token_type' }, { status: 500 })],
  [
    'unsupported_token_type in HTML',
    () => json({ error: 'unsupported_token_type' }, { status: 400, type: 'text/html' }),
  ],
  ['status 401 with the error invalid_client', () => json({ error: 'invalid_client' }, { status: 401 })],
  ['status 403', () => ({ status: 403, body: 'no' })],
  ['the error server_error with status 200', () => json({ error: 'server_error' })],
  ['status 500', () => ({ status: 500, body: 'oops' })],
  ['status 500 with a valid response', (truth) => json(truth, { status: 500 })],
  ['a redirect', () => ({ status: 302, headers: { location: '/introspect' }, body: '' })],
  ['an HTML page', () => ({ type: 'text/html', body: '<p>Log in</p>' })],
  ['a valid response with the type text/html', (truth) => json(truth, { type: 'text/html' })],
  ['a JWT that was not requested', () => ({ type: 'application/token-introspection+jwt', body: issuer.sign() })],
  ['truncated JSON', () => ({ body: '{"active":tru' })],
  ['an empty body', () => ({ body: '' })],
  ['a JSON array', () => ({ body: '[{"active":true}]' })],
  ['the member `active` twice', () => ({ body: '{"active":false,"active":true}' })],
  ['invalid UTF-8', () => ({ body: Buffer.from('{"active":false,"x":"\xff"}', 'latin1') })],
  ['a response beyond the size limit', (truth) => json({ ...truth, pad: 'x'.repeat(300_000) })],
  ['a compressed response', (truth) => json(truth, { headers: { 'content-encoding': 'gzip' } })],
  ['a response after the timeout', () => ({ delayMs: 4000 })],
  ['no response', () => ({ silent: true })],
  ['a broken connection', () => ({ reset: true })],
]

test.each(troubles)('a failed introspection (%s) causes 503 for a new token and is not cached', async (_, script) => {
  const token = issuer.issue()
  issuer.script = (asked) => (asked.token === token ? script(issuer.truth(token)) : undefined)
  await refused(gate, { target: '/default/1', token }, unavailable)

  issuer.script = undefined
  // A failed introspection of one token does not stop introspections of other tokens at the same issuer.
  await admitted(gate, { target: '/default/1', token: issuer.issue() })
  await admitted(gate, { target: '/default/1', token })
})

test.each(['unsupported_token_type', 'invalid_request'])(
  'the gate replies 401 to a token if an issuer that works otherwise rejects the introspection with 400 %s',
  async (code) => {
    await admitted(gate, { target: '/default/1', token: issuer.issue() })
    const token = issuer.issue()
    issuer.script = (asked) => (asked.token === token ? json({ error: code }, { status: 400 }) : undefined)

    await refused(gate, { target: '/default/1', token }, badToken('token-inactive'))
  },
)

test('while introspections fail, the gate admits a known token for the stale time of the route, then replies 503, and admits the token again once the issuer works', async () => {
  const token = issuer.issue()
  await admitted(gate, { target: '/stale/1', token })
  issuer.script = () => ({ status: 500, body: '' })
  await untilIs(503, '/closed/1', token)

  // The cached response has expired. Routes with `closed` or the default (0s) reject the token. Other routes admit it
  // for their stale time.
  await refused(gate, { target: '/default/1', token }, unavailable)
  await untilIs(503, '/brief/1', token)
  await refused(gate, { target: '/brief/1', token }, unavailable)
  await admitted(gate, { target: '/stale/1', token })

  issuer.script = undefined
  await admitted(gate, { target: '/brief/1', token })
})

test('while the issuer hangs, 40 requests in sequence with a token in its stale time get 200 and cause fewer than 20 introspections', async () => {
  const token = issuer.issue()
  await admitted(gate, { target: '/stale/1', token })
  issuer.script = () => ({ silent: true })
  await sleep(1100)
  const before = issuer.asked.length
  for (let i = 0; i < 40; i++) {
    expect((await request(node.port, requestBytes({ target: '/stale/1', token }))).status).toBe(200)
  }

  // One request waits for an introspection attempt. The gate makes further attempts in the background from time to
  // time.
  expect(issuer.asked.length - before).toBeLessThan(20)
})

test("the gate never uses a stale introspection response after the token's exp", async () => {
  const statusAt = async (target: string) => (await request(node.port, requestBytes({ target, token }))).status
  let token = ''
  let lifeS = 1
  // The clock tolerance adds 5 s to the life of the token. A busy machine may need more, so the next token lives longer.
  const usedWhileStale = async () => {
    issuer.script = undefined
    token = issuer.issue({ exp: Math.floor(Date.now() / 1000) + lifeS })
    lifeS *= 2
    await untilIs(200, '/stale/1', token)
    issuer.script = () => ({ status: 500, body: '' })
    await until('the cached response has expired', async () => (await statusAt('/closed/1')) !== 200)
    return (await statusAt('/stale/1')) === 200
  }
  await until('the gate uses a stale response before exp', usedWhileStale, 60_000)
  await untilIs(401, '/stale/1', token)

  await refused(gate, { target: '/stale/1', token }, badToken('token-expired'))
})

test('the gate rejects a token that was revoked at the issuer when the cached introspection response has expired', async () => {
  const token = issuer.issue()
  await admitted(gate, { target: '/stale/1', token })
  issuer.revoke(token)
  await sleep(1100)

  await refused(gate, { target: '/stale/1', token }, badToken('token-inactive'))
})

test('an introspection response for another token causes 503, never another subject', async () => {
  const token = issuer.issue({ sub: 'alice' })
  await admitted(gate, { target: '/closed/1', token })
  issuer.script = () => json({ ...issuer.truth(token), sub: 'mallory' })
  await sleep(1100)

  await refused(gate, { target: '/closed/1', token }, unavailable)
})

test('an issuer that fails every second introspection causes only 200 and 503, never 401', async () => {
  let turn = 0
  issuer.script = () => (++turn % 2 === 0 ? { status: 502, body: '' } : undefined)
  const statuses = new Set<number>()
  for (let i = 0; i < 12; i++) {
    statuses.add((await request(node.port, requestBytes({ target: '/closed/1', token: issuer.issue() }))).status)
  }

  expect([...statuses].sort()).toEqual([200, 503])
})

test('tokens of an unreachable issuer get 503, and the gate admits tokens again after the recovery of the issuer', async () => {
  await issuer.stop()
  try {
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        request(node.port, requestBytes({ target: '/closed/1', token: `gone-${i}` })),
      ),
    )
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([503]))
  } finally {
    await issuer.start()
  }
  const token = issuer.issue()
  await untilIs(200, '/closed/1', token)
  await admitted(gate, { target: '/closed/1', token })
})

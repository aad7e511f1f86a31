import { randomBytes } from 'node:crypto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import {
  type ExchangeProvider,
  exchangeClient,
  ordersResource,
  startExchangeProvider,
} from '../kit/exchange-provider.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch, startRevocationService, type TestService } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { until } from '../kit/until.ts'
import { type ReceivedRequest, startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, type Refusal, refused } from './admission.ts'

// `credentials: { type: token_exchange }` (RFC 8693): two nodes, a real issuer, and a service that verifies the tokens.

let issuer: ExchangeProvider
let orders: TestUpstream
let gates: readonly [Gate, Gate]
let revocations: TestService
/** Tokens that the service no longer accepts. */
const withdrawn = new Set<string>()

beforeAll(async () => {
  const [provider, redis, upstream] = await Promise.all([startExchangeProvider(), testRedis(), startUpstream()])
  issuer = provider
  orders = upstream
  const keys = createLocalJWKSet(
    (await (await fetch(`${issuer.url}/jwks`)).json()) as Parameters<typeof createLocalJWKSet>[0],
  )
  const echo = orders.handler
  orders.handler = async (received, response, incoming) => {
    const token = bearerOf(received)
    const isGood = await jwtVerify(token, keys, { issuer: issuer.url, audience: ordersResource }).then(
      () => !withdrawn.has(token),
      () => false,
    )
    if (isGood) return echo(received, response, incoming)
    await received.over
    response
      .writeHead(401, { 'www-authenticate': 'Bearer realm="inner"', 'content-type': 'text/plain' })
      .end('who are you?')
  }
  const link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  const scopes = { scopes: { all: ['orders:read'] } }
  const exchange = {
    type: 'token_exchange',
    issuer: 'main',
    client_id: exchangeClient.id,
    client_secret: { env: 'TEST_EXCHANGE_SECRET' },
    timeout: '20s',
  }
  const policy = testPolicy({
    issuer: issuer.url,
    orders: orders.url,
    ordersEntry: {
      credentials: { ...exchange, resource: ordersResource, scopes: ['orders:read'] },
      routes: [
        { id: 'orders', match: { path: '/orders/**' }, require: scopes },
        { id: 'public', match: { path: '/public/**' }, require: 'public' },
        {
          id: 'wrong',
          match: { path: '/wrong/**' },
          require: scopes,
          credentials: { ...exchange, resource: 'https://unknown.test' },
        },
        { id: 'token', match: { path: '/token/**' }, require: scopes, credentials: 'token' },
      ],
    },
  })
  const env = {
    TEST_EXCHANGE_SECRET: exchangeClient.secret,
    TEST_ENCRYPTION_KEY: randomBytes(32).toString('base64url'),
  }
  const nodes = await Promise.all(
    ['a', 'b'].map((id) =>
      startNode({
        policy,
        settings: {
          node: { id },
          redis: { url: `redis://127.0.0.1:${redis.port}` },
          keys: {
            assertion: [{ id: 'test-1', secret: { file: 'assertion.jwk' } }],
            encryption: [{ id: 'seal-1', secret: { env: 'TEST_ENCRYPTION_KEY' } }],
          },
        },
        env,
      }),
    ),
  )
  gates = nodes.map((node) => ({ node, services: [orders] })) as unknown as [Gate, Gate]
  revocations = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })
})

beforeEach(() => {
  issuer.script = undefined
  issuer.asked.length = 0
  orders.requests.length = 0
})

const bearerOf = (received: ReceivedRequest) => received.all('authorization').join().replace('Bearer ', '')
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
const upstreamRefused: Refusal = {
  status: 502,
  code: 'upstream_credential_refused',
  reason: 'upstream-credential-refused',
  decision: 'failed',
}

test('with token exchange, the service gets a token that was issued for the service about the caller, not the token of the caller, even for concurrent requests', async () => {
  const token = issuer.sign({ sub: 'bob', act: { sub: 'agent' } })

  const all = await Promise.all(Array.from({ length: 8 }, () => admitted(gates[0], { target: '/orders/1', token })))

  const tokens = new Set(all.map(({ received }) => bearerOf(received)))
  expect(tokens.size).toBe(1)
  expect(claimsOf([...tokens][0]!)).toMatchObject({
    sub: 'bob',
    aud: ordersResource,
    scope: 'orders:read',
    act: { sub: exchangeClient.id, act: { sub: 'agent' } },
  })
  expect(issuer.asked).toHaveLength(1)
})

test('on a public route of a service with token exchange, the service gets no token', async () => {
  const reply = await request(gates[0].node.port, requestBytes({ target: '/public/1', token: issuer.sign() }))

  expect(orders.requests.at(-1)!.all('authorization')).toEqual([])
  expect(issuer.asked).toHaveLength(0)
  expect(reply.status).toBe(401)
})

test.each([
  [
    'the issuer refuses the token',
    '/orders/1',
    () => ({ status: 400, body: '{"error":"invalid_grant"}' }),
    { status: 403, code: 'exchange_refused', reason: 'exchange-refused' },
  ],
  [
    'the issuer does not know the service',
    '/wrong/1',
    undefined,
    { status: 502, code: 'exchange_misconfigured', reason: 'exchange-misconfigured', decision: 'failed' },
  ],
  [
    'the issuer is unavailable',
    '/orders/1',
    () => ({ status: 500 }),
    { status: 503, code: 'unavailable', reason: 'issuer-unreachable', decision: 'failed' },
  ],
] as const)(
  'a request that needs a token exchange does not reach the service when %s',
  async (_, target, script, refusal) => {
    issuer.script = script

    await refused(gates[0], { target, token: issuer.sign({ jti: randomBytes(8).toString('hex') }) }, refusal as Refusal)
  },
)

test('a token that is revoked while it is exchanged is refused, and the request does not reach the service', async () => {
  const token = issuer.sign({ jti: 'revoked-meanwhile' })
  const held = Promise.withResolvers<void>()
  issuer.script = () => ({ held: held.promise })

  const outcome = refused(gates[0], { target: '/orders/1', token }, badToken('token-revoked'))
  await until('the exchange is in progress', () => issuer.asked.length === 1)
  await revocations.revoke({ kind: 'jti', id: 'revoked-meanwhile', issuer: issuer.url })
  held.resolve()

  await outcome
})

test('when a service refuses an exchanged token, the cluster renews it once for the requests of all nodes', async () => {
  const token = issuer.sign({ jti: 'renewed' })
  for (const gate of gates) {
    const { received } = await admitted(gate, { target: '/orders/1', token })
    withdrawn.add(bearerOf(received))
  }
  orders.requests.length = 0

  const replies = await Promise.all(
    gates.flatMap(({ node }) => [1, 2, 3].map(() => request(node.port, requestBytes({ target: '/orders/1', token })))),
  )

  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200])
  // The issuer got three exchanges: one for the first request at each of two nodes, and the renewal.
  expect(issuer.asked).toHaveLength(3)
  const accepted = new Set(orders.requests.map(bearerOf).filter((each) => !withdrawn.has(each)))
  expect(accepted.size).toBe(1)
})

test('if a service refuses every exchanged token, it gets a GET twice and a POST once, and the client gets 502 without the challenge of the service', async () => {
  const token = issuer.sign({ jti: 'always-refused' })
  issuer.script = () => ({
    body: JSON.stringify({ access_token: `bad-${issuer.asked.length}`, token_type: 'Bearer', expires_in: 300 }),
  })

  const first = await request(gates[0].node.port, requestBytes({ target: '/orders/1', token }))
  expect(first.status).toBe(502)
  expect(first.field('www-authenticate')).toBeUndefined()
  expect(first.json()).toMatchObject({ code: 'upstream_credential_refused' })
  expect(orders.requests).toHaveLength(2)
  const post = await request(
    gates[0].node.port,
    requestBytes({ method: 'POST', target: '/orders/1', token, body: 'x' }),
  )
  expect(post.status).toBe(502)
  expect(orders.requests).toHaveLength(3)
  // Within 30 s no other token is requested.
  const asked = issuer.asked.length
  expect((await request(gates[0].node.port, requestBytes({ target: '/orders/1', token }))).status).toBe(502)
  expect(issuer.asked).toHaveLength(asked)
  expect(await gates[0].node.waitForRecord(({ reason }) => reason === upstreamRefused.reason)).toMatchObject({
    decision: 'failed',
    status: 502,
  })
})

test('after a service refused the exchanged token of a POST, the next POST has the renewed token', async () => {
  const token = issuer.sign({ jti: 'post' })
  const { received } = await admitted(gates[0], { target: '/orders/1', token })
  withdrawn.add(bearerOf(received))
  const post = () =>
    request(gates[0].node.port, requestBytes({ method: 'POST', target: '/orders/1', token, body: 'x' }))

  expect((await post()).status).toBe(502)
  await until('the token is renewed', () => issuer.asked.length === 2)
  await until('the renewed token is used', async () => (await post()).status === 200)
})

test('with credentials: token, a 401 of the service reaches the client unchanged', async () => {
  const reply = await request(gates[0].node.port, requestBytes({ target: '/token/1', token: issuer.sign() }))

  expect(reply.status).toBe(401)
  expect(reply.field('www-authenticate')).toBe('Bearer realm="inner"')
  expect(reply.text).toContain('who are you?')
})

test('the logs of nodes that exchange tokens contain no token and no client secret', async () => {
  const log = JSON.stringify(gates.map(({ node }) => node.log))

  expect(log).not.toContain(exchangeClient.secret)
  expect(log).not.toMatch(/eyJ[\w-]{20}/)
})

test('the metrics of a node count token exchanges by outcome', async () => {
  const text = await (await fetch(`http://127.0.0.1:${gates[0].node.adminPort}/metrics`)).text()

  for (const outcome of ['granted', 'refused', 'misconfigured', 'unavailable']) {
    expect(text).toMatch(
      new RegExp(`gatehouse_token_requests_total\\{purpose="exchange",issuer="main",outcome="${outcome}"\\} [1-9]`),
    )
  }
})

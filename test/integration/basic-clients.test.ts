import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { type ExchangeProvider, serviceClients, startExchangeProvider } from '../kit/exchange-provider.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { swap } from '../kit/swap.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import {
  admitted,
  type Gate,
  identity,
  issuerDown,
  noCredential,
  type Refusal,
  type RequestParts,
  refused,
} from './admission.ts'

// Callers with a client id and secret (`accept: [basic]`): the gate exchanges them at a real issuer for a token, and
// authorizes the caller by that token.

const basicChallenge = 'Basic realm="gatehouse", charset="UTF-8"'
const BURST = 5

let issuer: ExchangeProvider
let orders: TestUpstream
let node: TestNode
let gate: Gate

beforeAll(async () => {
  issuer = await startExchangeProvider()
  orders = await startUpstream()
  const route = (id: string, entry: object) => ({
    id,
    match: { path: `/${id}/**` },
    require: { scopes: { all: ['orders:read'] } },
    ...entry,
  })
  const policy = testPolicy({
    issuer: issuer.url,
    orders: orders.url,
    ordersEntry: {
      basic: { scopes: ['orders:read'] },
      routes: [
        route('orders', { accept: ['bearer', 'basic'] }),
        route('machines', { accept: ['basic'] }),
        route('people', {}),
        route('writes', { accept: ['basic'], basic: { scopes: ['orders:write'] } }),
        route('tokens', { accept: ['basic'], credentials: 'token' }),
      ],
    },
  })
  // An address gets one more failed verification every 10 s, the lowest rate that the settings allow. Each test has its
  // own client address, which a listed proxy states.
  const settings = { limits: { address: { per_second: 0.1, burst: BURST } }, proxies: ['127.0.0.0/8'] }
  node = await startNode({ policy, settings })
  gate = { node, services: [orders] }
})

beforeEach(() => {
  issuer.script = undefined
  issuer.tokenS = 300
})

let addresses = 0

/** A request from its own address with this client id and secret, form-encoded (RFC 6749 §2.3.1). */
function from(
  target: string,
  id: string,
  secret: string,
  more: Partial<RequestParts> = {},
  address = `192.0.2.${++addresses}`,
): RequestParts {
  const encoded = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
  return withField(target, `${encoded(id)}:${encoded(secret)}`, more, address)
}

function withField(
  target: string,
  pair: string,
  more: Partial<RequestParts> = {},
  address = `192.0.2.${++addresses}`,
): RequestParts {
  const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
  return {
    target,
    ...more,
    fields: [['authorization', authorization], ['x-forwarded-for', address], ...(more.fields ?? [])],
  }
}

const refusedClient: Refusal = {
  status: 401,
  code: 'invalid_client',
  reason: 'client-refused',
  challenge: basicChallenge,
}
const malformed: Refusal = {
  status: 400,
  code: 'invalid_request',
  reason: 'credential-malformed',
  challenge: basicChallenge,
}
const notGranted: Refusal = { status: 403, code: 'forbidden', reason: 'client-not-granted' }

test('a caller with its client id and secret is admitted as the client of the token that the issuer grants, and the service does not get the secret', async () => {
  const { received } = await admitted(gate, from('/orders/1', 'batch', serviceClients.batch))

  expect(received.all('authorization')).toEqual([])
  expect(await identity(gate, received)).toMatchObject({
    sub: 'batch',
    client_id: 'batch',
    scope: 'orders:read',
    token_issuer: issuer.url,
  })
  expect(await node.waitForRecord((record) => record['client'] === 'batch')).toMatchObject({ decision: 'admitted' })
})

test('with credentials: token, a service gets the token that the issuer grants for the client id and secret of the caller', async () => {
  const { received } = await admitted(gate, from('/tokens/1', 'batch', serviceClients.batch))

  const [authorization] = received.all('authorization')
  expect(JSON.parse(Buffer.from(authorization!.split('.')[1]!, 'base64url').toString())).toMatchObject({
    sub: 'batch',
    client_id: 'batch',
  })
})

test.each([
  ['S-075 no colon', () => withField('/machines/1', 'batch'), malformed],
  ['S-075 bytes that are not ASCII', () => withField('/machines/1', 'batch:gehe\u00efm'), malformed],
  [
    'S-075 bad base64',
    () => ({ target: '/machines/1', fields: [['authorization', 'Basic ****']] }) as RequestParts,
    malformed,
  ],
  ['S-075 a secret that contains colons', () => withField('/machines/1', 'batch:pa:ss'), refusedClient],
  ['a wrong secret', () => from('/machines/1', 'batch', 'wrong'), refusedClient],
  ['an unknown client', () => from('/machines/1', 'unknown', 'x'), refusedClient],
  [
    'a client that may not have the scope of the route',
    () => from('/writes/1', 'reports', serviceClients.reports),
    notGranted,
  ],
])('the gate refuses a client id and secret: %s', async (_, parts, refusal) => {
  await refused(gate, parts(), refusal)
})

test('each route accepts only the Authorization schemes in its `accept`, and names them in its challenge', async () => {
  const missing = { status: 401, code: 'credential_required', reason: 'credential-missing' }

  await refused(gate, from('/people/1', 'batch', serviceClients.batch), noCredential)
  await refused(gate, { target: '/machines/1', token: issuer.sign() }, { ...missing, challenge: basicChallenge })
  await refused(gate, { target: '/orders/1' }, { ...missing, challenge: [basicChallenge, ...noCredential.challenge!] })
  await admitted(gate, { target: '/orders/1', token: issuer.sign() })
})

test('a page of another origin cannot make a browser change state with a client secret that the browser remembers', async () => {
  const post = (fields: readonly (readonly [string, string])[]) =>
    from('/orders/1', 'batch', serviceClients.batch, { method: 'POST', fields })

  await refused(gate, post([['sec-fetch-site', 'cross-site']]), {
    status: 403,
    code: 'forbidden',
    reason: 'cross-site',
  })
  await refused(gate, post([['origin', 'https://evil.test']]), { status: 403, code: 'forbidden', reason: 'cross-site' })
  await admitted(gate, post([]))
})

test('while the issuer is unavailable, a client id and secret whose token the gate keeps is admitted, and another gets 503 instead of 401', async () => {
  await admitted(gate, from('/machines/1', 'batch', serviceClients.batch))
  issuer.script = () => ({ status: 500 })

  await admitted(gate, from('/machines/1', 'batch', serviceClients.batch))
  await refused(gate, from('/machines/1', 'reports', serviceClients.reports), issuerDown)
})

test('a caller with client id and secret gets 502 when the gate rejects the token that the issuer grants, because the caller made no mistake', async () => {
  issuer.script = () => ({
    body: JSON.stringify({ access_token: issuer.sign({ aud: 'https://other.test' }), token_type: 'Bearer' }),
  })

  await refused(gate, from('/machines/1', 'reports', serviceClients.reports), {
    status: 502,
    code: 'exchange_misconfigured',
    reason: 'exchange-misconfigured',
    decision: 'failed',
  })
})

test('wrong client secrets are charged to the client address, and a client that the issuer has accepted before is still admitted from this address', async () => {
  const address = '192.0.2.250'
  await admitted(gate, from('/machines/1', 'batch', serviceClients.batch, {}, address))
  const statusOf = async (secret: string) =>
    (await request(node.port, requestBytes(from('/machines/1', 'batch', secret, {}, address)))).status

  let wrong = 0
  while ((await statusOf(`wrong-${wrong}`)) !== 429) wrong++

  expect(wrong).toBeGreaterThanOrEqual(BURST)
  // On a busy machine the limit permits more attempts while the test runs, but fewer than twice the burst.
  expect(wrong).toBeLessThan(2 * BURST)
  await admitted(gate, from('/machines/1', 'batch', serviceClients.batch, {}, address))
})

test.each([
  ['status 400 of a filter before the issuer', () => ({ status: 400, body: 'blocked', type: 'text/html' })],
  [
    'a granted token that the gate rejects',
    () => ({ body: JSON.stringify({ access_token: issuer.sign({ aud: 'x' }), token_type: 'Bearer' }) }),
  ],
])(
  'after %s, the failed token request for a client id and secret is charged to the client address, because anyone can cause such requests',
  async (_, script) => {
    issuer.script = script
    const address = `192.0.2.${++addresses}`
    const statusOf = async (id: string) =>
      (await request(node.port, requestBytes(from('/machines/1', id, 'secret', {}, address)))).status
    const asked = issuer.asked.length

    const statuses: number[] = []
    while (statuses.at(-1) !== 429 && statuses.length < 2 * BURST) statuses.push(await statusOf(randomUUID()))

    expect(statuses.slice(0, -1).every((status) => status === 502)).toBe(true)
    expect(statuses.at(-1)).toBe(429)
    expect(issuer.asked.length - asked).toBe(statuses.length - 1)
  },
)

test('the log of a node contains no client secret of a caller', () => {
  const log = JSON.stringify(node.log)

  expect(node.log.length).toBeGreaterThan(5)
  for (const secret of Object.values(serviceClients)) {
    expect(log).not.toContain(secret)
    expect(log).not.toContain(Buffer.from(secret).toString('base64').slice(4, 20))
  }
})

test('a stream of a caller with client id and secret ends with its token without another request to the issuer, and when its route no longer accepts Basic', async () => {
  const service = await startUpstream({
    handler: (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: begun\n\n')
    },
  })
  const policyOf = (accept: readonly string[]) =>
    testPolicy({
      issuer: issuer.url,
      orders: service.url,
      main: { clock_tolerance: '1s' },
      ordersEntry: {
        routes: [
          {
            id: 'events',
            match: { path: '/events' },
            require: { scopes: { all: ['orders:read'] } },
            accept,
            ...(accept.includes('basic') && { basic: { scopes: ['orders:read'] } }),
          },
        ],
      },
    })
  const streaming = await startNode({ policy: policyOf(['basic']) })
  const open = async (id: string, secret: string) => {
    const wire = await connect(streaming.port)
    await wire.send(requestBytes(from('/events', id, secret)))
    await wire.until('data: begun\n\n')
    return wire
  }
  const endOf = (client: string) =>
    streaming.waitForRecord((record) => record['client'] === client && record['reason'] === 'stream-ended')

  issuer.tokenS = 6
  await open('batch', serviceClients.batch)
  issuer.tokenS = 300
  await open('reports', serviceClients.reports)
  const asked = issuer.asked.length

  expect(await endOf('batch')).toMatchObject({ stream_end: 'token-expired' })
  expect(issuer.asked).toHaveLength(asked)
  await swap(streaming, policyOf(['bearer']))
  expect(await endOf('reports')).toMatchObject({ stream_end: 'credential-missing' })
})

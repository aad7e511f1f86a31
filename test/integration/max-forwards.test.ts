import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// RFC 9110 §7.6.2: a proxy decrements Max-Forwards of OPTIONS, and replies to OPTIONS itself at 0.

const [issuer, orders] = await Promise.all([startIssuer(), startUpstream()])
const routes = [
  { id: 'open', match: { path: '/open/**', methods: ['GET', 'OPTIONS'] }, require: 'public' },
  { id: 'closed', match: { path: '/closed/**' }, require: { scopes: { all: ['orders:read'] } } },
]
const node = await startNode({
  policy: testPolicy({ issuer: issuer.url, orders: orders.url, ordersEntry: { routes } }),
})

const send = (method: string, target: string, ...fields: (readonly [string, string])[]) =>
  request(node.port, requestBytes({ method, target, fields }))

test.each([
  ['5', '4'],
  ['1', '0'],
  ['007', '6'],
  ['99999999999999999999', '2147483647'],
])('the gate forwards OPTIONS with Max-Forwards: %s with the value %s', async (sent, received) => {
  const reply = await send('OPTIONS', '/open/1', ['Max-Forwards', sent])

  expect(reply.status).toBe(200)
  expect((await orders.next()).all('max-forwards')).toEqual([received])
})

test('the gate itself replies to OPTIONS with Max-Forwards: 0, with the methods of the path in Allow', async () => {
  const seen = orders.requests.length
  const reply = await send('OPTIONS', '/open/zero', ['Max-Forwards', '0'])

  expect(reply.status).toBe(200)
  expect(reply.all('allow')).toEqual(['GET, HEAD, OPTIONS'])
  expect(reply.all('content-length')).toEqual(['0'])
  expect(await node.waitForRecord(({ path }) => path === '/open/zero')).toMatchObject({
    decision: 'answered',
    reason: 'answered',
    route: 'open',
  })
  expect(orders.requests).toHaveLength(seen)
})

test('OPTIONS with Max-Forwards: 0 on a protected route gets 401 without a token, and 200 with a token', async () => {
  const refused = await send('OPTIONS', '/closed/1', ['Max-Forwards', '0'])
  const admitted = await request(
    node.port,
    requestBytes({ method: 'OPTIONS', target: '/closed/1', token: issuer.sign(), fields: [['Max-Forwards', '0']] }),
  )

  expect(refused.status).toBe(401)
  expect(refused.all('allow')).toEqual([])
  expect(admitted.status).toBe(200)
  expect(admitted.field('allow')).toContain('DELETE')
})

test.each([
  ['-1', [['Max-Forwards', '-1']]],
  ['1.5', [['Max-Forwards', '1.5']]],
  ['0x1', [['Max-Forwards', '0x1']]],
  ['no value', [['Max-Forwards', '']]],
  ['two numbers', [['Max-Forwards', '1, 2']]],
  [
    'two fields',
    [
      ['Max-Forwards', '1'],
      ['Max-Forwards', '1'],
    ],
  ],
] as const)('the gate replies 400 to OPTIONS with a malformed Max-Forwards: %s', async (name, fields) => {
  const target = `/open/${name.replaceAll(/[^a-z0-9]/g, '_')}`
  const reply = await send('OPTIONS', target, ...fields)

  expect(reply.status).toBe(400)
  expect(await node.waitForRecord(({ path }) => path === target)).toMatchObject({ reason: 'max-forwards-malformed' })
})

test.each(['GET', 'POST'])('the gate forwards Max-Forwards of %s unchanged', async (method) => {
  const target = method === 'GET' ? '/open/1' : '/closed/1'
  const fields = [['Max-Forwards', '0']] as const
  const reply = await request(node.port, requestBytes({ method, target, fields, token: issuer.sign() }))

  expect(reply.status).toBe(200)
  expect(orders.requests.at(-1)!.all('max-forwards')).toEqual(['0'])
})

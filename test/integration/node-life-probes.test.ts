import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { type Gate, noCredential, notFound, refused } from './admission.ts'

// docs/design/contract.md §1: probes are served only on the admin plane and only under its own host names, without a token.

const [issuer, orders] = await Promise.all([startIssuer(), startUpstream()])
const node = await startNode({
  policy: testPolicy({ issuer: issuer.url, orders: orders.url }),
  settings: { admin: { listen: '127.0.0.1:0', hosts: ['gate.internal'] } },
})

const ask = (target: string, host = '127.0.0.1', method = 'GET') =>
  request(node.adminPort, requestBytes({ method, target, host }), { head: method === 'HEAD' })

test.each([
  { path: '/livez', says: 'alive' },
  { path: '/readyz', says: 'ready' },
  { path: '/startupz', says: 'started' },
  { path: '/readyz?verbose', says: 'ready' },
])('the probe $path of a ready node replies 200', async ({ path, says }) => {
  const reply = await ask(path)

  expect(reply).toMatchObject({ status: 200, text: `${says}\n` })
  expect(reply.field('cache-control')).toBe('no-store')
  expect(await ask(path, 'localhost', 'HEAD')).toMatchObject({ status: 200, text: '' })
})

test('the admin plane replies 405 to a POST to a probe', async () => {
  const reply = await ask('/livez', 'localhost', 'POST')

  expect(reply.status).toBe(405)
  expect(reply.field('allow')).toBe('GET, HEAD')
})

test.each([
  '/livez/',
  '/LIVEZ',
  '/livezz',
  '/metrics/',
  '/status/',
  '/apis',
  '/orders/1',
  '/public/page',
  '/.gatehouse/login',
])('the admin plane replies 404 to the unknown path %s', async (path) => {
  const before = orders.requests.length

  expect((await ask(path)).status).toBe(404)
  expect(orders.requests).toHaveLength(before)
})

test.each(['localhost', 'LOCALHOST:9090', '127.0.0.1:1', '127.8.8.8', '[::1]', '[::1]:9090', 'gate.internal:80'])(
  'the admin plane accepts the Host %s',
  async (host) => {
    expect((await ask('/livez', host)).status).toBe(200)
  },
)

test.each([
  'evil.example',
  'evil.example:9090',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'evil.example#localhost',
  'x@localhost',
  '0.0.0.0',
  '10.0.0.1',
  'internal',
  '',
])('S-119: the admin plane replies 421 to the foreign Host "%s" (DNS rebinding)', async (host) => {
  for (const path of ['/livez', '/metrics', '/status', '/api/v1/nodes', '/nowhere'])
    expect((await ask(path, host)).status).toBe(421)
})

test.each(['/livez', '/readyz', '/startupz', '/metrics', '/status', '/api/v1/openapi.json', '/console'])(
  'S-120: the data plane does not serve the admin path %s',
  (path) => refused({ node, services: [orders] }, { target: path }, notFound),
)

test('a node whose issuer is down is ready and serves routes that need no issuer key', async () => {
  const down = `http://127.0.0.1:${freePort()}`
  const alone = await startNode({ policy: testPolicy({ issuer: down, orders: orders.url }) })
  const gate: Gate = { node: alone, services: [orders] }

  await refused(gate, { target: '/orders/1' }, noCredential)
  expect((await request(alone.port, requestBytes({ target: '/public/page' }))).status).toBe(200)
})

import { beforeAll, expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// `pass_headers` of a service forwards the listed header fields of other proxies to this service.

let upstream: TestUpstream
let node: TestNode

beforeAll(async () => {
  upstream = await startUpstream()
  const service = (id: string, more: object) => ({
    upstreams: [upstream.url],
    credentials: 'none',
    ...more,
    routes: [{ id, match: { path: `/${id}` }, require: 'public' }],
  })
  node = await startNode({
    policy: {
      version: 1,
      services: {
        strict: service('strict', {}),
        passing: service('passing', { pass_headers: ['X-Real-IP', 'X-SSL-Client-Verify', 'remote-user'] }),
      },
    },
    settings: { check: { peers: ['127.0.0.0/8'] } },
  })
})

const claims: [string, string][] = [
  ['X-Real-IP', '10.0.0.1'],
  ['x_real_ip', '10.0.0.2'],
  ['X-SSL-Client-Verify', 'SUCCESS'],
  ['X-SSL-Client-DN', 'CN=root'],
  ['Remote-User', 'root'],
  ['Remote-Groups', 'admins'],
]

async function received(target: string, fields: [string, string][]) {
  const reply = await request(node.port, requestBytes({ target, fields }))
  expect(reply.status, reply.text).toBe(200)
  return upstream.requests.at(-1)!
}

test('a service gets the client fields listed in its pass_headers, but no other identity field, and no field whose name has underscores', async () => {
  const got = await received('/passing', claims)

  const names = claims.map(([name]) => name.toLowerCase())
  expect(got.fields.filter(([name]) => names.includes(name.toLowerCase()))).toEqual([
    ['x-real-ip', '10.0.0.1'],
    ['x-ssl-client-verify', 'SUCCESS'],
    ['remote-user', 'root'],
  ])
})

test('a service without pass_headers gets no identity or address field of a client', async () => {
  const got = await received('/strict', claims)

  expect(JSON.stringify(got.fields)).not.toMatch(/10\.0\.0|SUCCESS|root|admins/)
})

test('the gate does not forward a field in pass_headers if the client names it in Connection', async () => {
  const got = await received('/passing', [...claims, ['Connection', 'remote-user']])

  expect(got.all('remote-user')).toEqual([])
  expect(got.all('x-real-ip')).toEqual(['10.0.0.1'])
})

const check = (path: string, fields: [string, string][]) =>
  request(
    node.port,
    requestBytes({
      target: '/.gatehouse/check',
      fields: [
        ['X-Forwarded-For', '203.0.113.9'],
        ['X-Forwarded-Method', 'GET'],
        ['X-Forwarded-Host', 'api.test'],
        ['X-Forwarded-Uri', path],
        ...fields,
      ],
    }),
  )

test('the reply to a forward-auth check does not list the fields in pass_headers for removal', async () => {
  const lists = await Promise.all(['/strict', '/passing'].map((path) => check(path, [])))
  const [strict, passing] = lists.map((reply) => reply.field('x-envoy-auth-headers-to-remove')!.split(','))

  expect(strict).toEqual(expect.arrayContaining(['x-real-ip', 'remote-user', 'remote-groups']))
  expect(strict!.filter((name) => !passing!.includes(name)).sort()).toEqual(['remote-user', 'x-real-ip'])
})

test.each([
  ['/strict', 'X-SSL-Client-Verify', 400],
  ['/strict', 'X-Consumer-Username', 400],
  ['/strict', 'X-MS-CLIENT-PRINCIPAL', 400],
  ['/strict', 'remote_user', 400],
  ['/strict', 'X-Real-IP', 200],
  ['/strict', 'X-Envoy-Internal', 200],
  ['/passing', 'X-SSL-Client-Verify', 200],
  ['/passing', 'X-SSL-Client-DN', 400],
  ['/nowhere', 'X-SSL-Client-Verify', 404],
])(
  'a forward-auth check of a request to %s with the client field %s gets the status %i',
  async (path, name, status) => {
    const reply = await check(path, [[name, 'forged']])

    expect(reply.status, reply.text).toBe(status)
  },
)

test('the start log line of a node lists pass_headers as a relaxation (a setting that weakens security)', async () => {
  const listening = await node.waitForLine(({ msg }) => msg === 'node started')

  expect(listening['relaxations']).toEqual([
    'services.passing.pass_headers: x-real-ip, x-ssl-client-verify, remote-user',
  ])
})

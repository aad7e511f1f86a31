import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, type TestIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// `credentials: { type: header }` and `{ type: basic }`: secrets of the gate at services that know nothing else.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-secrets-'))
const keyFile = join(folder, 'api-key')
const bootstrap = 'bootstrap-token-of-the-secrets-test-0123456789'
const secrets = [
  'key-one-of-orders',
  'key-two-of-orders',
  'pa:ss wörd',
  Buffer.from('gate:pa:ss wörd').toString('base64'),
]

function writeKey(key: string): void {
  writeFileSync(`${keyFile}.new`, `${key}\n`, { mode: 0o600 })
  renameSync(`${keyFile}.new`, keyFile)
}

let issuer: TestIssuer
let upstream: TestUpstream
let node: TestNode

beforeAll(async () => {
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  writeKey('key-one-of-orders')
  issuer = await startIssuer()
  upstream = await startUpstream()
  const route = (id: string, more: object = {}) => ({ id, match: { path: `/${id}` }, require: 'public', ...more })
  const upstreams = [upstream.url]
  node = await startNode({
    policy: {
      version: 1,
      issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
      services: {
        orders: {
          upstreams,
          credentials: { type: 'header', name: 'X-Api-Key', secret: { file: keyFile } },
          routes: [
            route('keyed', { require: { scopes: { all: ['orders:read'] } } }),
            route('open'),
            route('none', { credentials: 'none' }),
            route('basic', { credentials: { type: 'basic', username: 'gate', password: { env: 'PASSWORD' } } }),
          ],
        },
        others: { upstreams, credentials: 'none', routes: [route('others')] },
      },
    },
    settings: {
      check: { peers: ['127.0.0.0/8'] },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
    },
    env: { PASSWORD: 'pa:ss wörd', BOOTSTRAP: bootstrap },
  })
})

const forged: [string, string][] = [
  ['X-Api-Key', 'forged'],
  ['x_api_key', 'forged'],
  ['X.Api.Key', 'forged'],
]
const token = (): [string, string] => ['Authorization', `Bearer ${issuer.sign()}`]

/** Header fields of the request that the service received for `target`, without those of the client's request line. */
async function received(target: string, fields: [string, string][] = []) {
  const reply = await request(node.port, requestBytes({ target, fields }))
  expect(reply.status, reply.text).toBe(200)
  return upstream.requests.at(-1)!
}

test('with credentials: header, the service gets the secret in the field instead of the value that the client sent, also on a public route', async () => {
  const keyed = await received('/keyed', [token(), ...forged])
  const open = await received('/open', forged)

  for (const got of [keyed, open]) {
    expect(got.all('x-api-key')).toEqual(['key-one-of-orders'])
    expect(got.all('authorization')).toEqual([])
    expect(got.all('x-gatehouse-jwt-assertion')).toEqual([])
    expect(JSON.stringify(got.fields)).not.toContain('forged')
  }
})

test('the gate removes a client field with the name of a credential field of the service on every route, even if the route has another credential', async () => {
  const got = await received('/none', forged)
  const other = await received('/others', [['X-Api-Key', 'of the client']])

  expect(JSON.stringify(got.fields)).not.toMatch(/forged|key-one/)
  // The service `others` has no such credential, so the field is an ordinary one.
  expect(other.all('x-api-key')).toEqual(['of the client'])
})

test('with credentials: basic, the service gets user name and password in UTF-8 instead of the token of the client', async () => {
  const got = await received('/basic', [['Authorization', 'Basic Zm9yZ2VkOng='], ...forged])

  expect(got.all('authorization')).toEqual([`Basic ${Buffer.from('gate:pa:ss wörd').toString('base64')}`])
  expect(JSON.stringify(got.fields)).not.toContain('forged')
})

test('the reply to a forward-auth check contains the credential for the service, or lists the field of the credential for removal if no credential exists', async () => {
  const check = (path: string) => {
    const asked: [string, string][] = [
      ['X-Forwarded-For', '203.0.113.9'],
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Host', 'api.test'],
      ['X-Forwarded-Uri', path],
    ]
    return request(node.port, requestBytes({ target: '/.gatehouse/check', fields: [...asked, ...forged] }))
  }
  const open = await check('/open')
  const none = await check('/none')
  const removed = (reply: typeof open) => reply.field('x-envoy-auth-headers-to-remove')!.split(',')

  expect([open.status, none.status]).toEqual([200, 200])
  expect(open.field('x-api-key')).toBe('key-one-of-orders')
  expect(none.field('x-api-key')).toBeUndefined()
  expect([removed(open), removed(none)].map((names) => names.includes('x-api-key'))).toEqual([false, true])
})

test('the admin API status, `gatehouse explain` and the log contain no secret for a service; status and explain name the kind of the credential', async () => {
  const admin = (path: string, body?: object) =>
    fetch(`http://127.0.0.1:${node.adminPort}/${path}`, {
      headers: { authorization: `Bearer ${bootstrap}`, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    }).then((reply) => reply.text())
  const status = await admin('status')
  const explained = await Promise.all(
    ['/open', '/basic'].map((path) => admin('api/v1/explain', { method: 'GET', url: path })),
  )

  expect(JSON.parse(status), status).toMatchObject({
    credentials: [
      { service: 'orders', types: ['header', 'none', 'basic'] },
      { service: 'others', types: ['none'] },
    ],
  })
  expect(explained.map((text) => JSON.parse(text).service_receives.credential)).toEqual([
    { type: 'header', field: 'x-api-key' },
    { type: 'basic', field: 'authorization' },
  ])
  expect(explained.map((text) => JSON.parse(text).service_receives.fields.at(-1))).toEqual([
    { name: 'x-api-key', value: null, from: 'gate' },
    { name: 'authorization', value: null, from: 'gate' },
  ])
  for (const secret of secrets) expect([status, ...explained, node.dump()].join('\n')).not.toContain(secret)
})

test('a node uses a changed secret for a service without a restart', async () => {
  writeKey('key-two-of-orders')

  await until(
    'the service gets the new key',
    async () => (await received('/open')).all('x-api-key')[0] === 'key-two-of-orders',
  )
})

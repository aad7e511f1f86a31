import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, type TestIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import type { TestNode } from '../kit/test-node.ts'
import { type ReceivedRequest, startUpstream, type TestUpstream } from '../kit/upstream.ts'

// A service replies 401 to a credential of the gate: the gate sends the request once more with a newer credential, or
// the client gets 502. The client's own credential is not at fault.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-refused-'))
const keyFile = join(folder, 'key')
const passwordFile = join(folder, 'password')

function write(file: string, secret: string): void {
  writeFileSync(`${file}.new`, secret, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

let issuer: TestIssuer
let upstream: TestUpstream
let node: TestNode
/** Whether the service accepts a request. */
let accepts: (received: ReceivedRequest) => boolean

beforeAll(async () => {
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  write(keyFile, 'key-one')
  write(passwordFile, 'word-one')
  issuer = await startIssuer()
  upstream = await startUpstream()
  const echo = upstream.handler
  upstream.handler = async (received, response, incoming) => {
    if (accepts(received)) return echo(received, response, incoming)
    await received.over
    response.writeHead(401, { 'www-authenticate': 'Basic realm="inner"', 'content-type': 'text/plain' }).end('inner')
  }
  const route = (id: string, credentials: unknown) => ({
    id,
    match: { path: `/${id}` },
    require: { scopes: { all: ['orders:read'] } },
    credentials,
  })
  node = await startNode({
    policy: {
      version: 1,
      issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
      services: {
        orders: {
          upstreams: [upstream.url],
          routes: [
            route('header', { type: 'header', name: 'X-Api-Key', secret: { file: keyFile } }),
            route('basic', { type: 'basic', username: 'gate', password: { file: passwordFile } }),
            route('fixed', { type: 'header', name: 'X-Fixed', secret: { env: 'FIXED' } }),
            route('assertion', 'assertion'),
            route('none', 'none'),
            { ...route('retried', 'assertion'), retry: { on: [503], attempts: 3 } },
          ],
        },
      },
    },
    env: { FIXED: 'fixed-key' },
  })
})

beforeEach(() => {
  upstream.requests.length = 0
  accepts = () => true
})

const send = (target: string, token = issuer.sign(), method = 'GET', body?: string): Promise<RawReply> =>
  request(node.port, requestBytes({ method, target, token, ...(body !== undefined && { body }) }), {
    head: method === 'HEAD',
  })
const keyOf = (received: ReceivedRequest) => received.all('x-api-key').join()
const passwordOf = (received: ReceivedRequest) =>
  Buffer.from(received.all('authorization').join().slice(6), 'base64').toString()
const assertionOf = (received: ReceivedRequest) => received.all('x-gatehouse-jwt-assertion').join()

test.each([
  ['header', keyFile, 'key-one', 'key-two', keyOf],
  ['basic', passwordFile, 'word-one', 'word-two', (received: ReceivedRequest) => passwordOf(received).slice(5)],
] as const)(
  'with credentials: %s, when the service refuses a secret, the gate reads the secret again and repeats the request once',
  async (kind, file, old, current, secretOf) => {
    expect((await send(`/${kind}`)).status).toBe(200)
    upstream.requests.length = 0
    accepts = (received) => secretOf(received) === current
    write(file, current)

    expect((await send(`/${kind}`)).status).toBe(200)

    // The node may have noticed the changed file before the request.
    const sent = upstream.requests.map(secretOf)
    expect(sent.at(-1)).toBe(current)
    expect(sent.filter((each) => each !== current).every((each) => each === old)).toBe(true)
    expect(sent.length).toBeLessThanOrEqual(2)
  },
)

test.each(['GET', 'HEAD', 'OPTIONS'])(
  'a %s request whose fixed secret the service refuses is sent once, because no newer secret exists, and the client gets 502 without the challenge of the service',
  async (method) => {
    accepts = () => false

    const reply = await send('/fixed', undefined, method)

    expect(reply.status).toBe(502)
    expect(reply.field('www-authenticate')).toBeUndefined()
    expect(reply.text).not.toContain('inner')
    expect(upstream.requests).toHaveLength(1)
    expect(await node.waitForRecord(({ reason }) => reason === 'upstream-credential-refused')).toMatchObject({
      decision: 'failed',
      status: 502,
    })
  },
)

test('the client connection serves the next request after the service refused the credential of the gate', async () => {
  accepts = () => false
  expect((await send('/fixed', undefined, 'POST', 'body')).status).toBe(502)
  accepts = () => true

  expect((await send('/fixed', undefined, 'POST', 'body')).status).toBe(200)
})

test('if a service refuses an assertion, it gets a new assertion, at most once in 30 s for each token, and its 401 to the new assertion reaches the client', async () => {
  const token = issuer.sign()
  expect((await send('/assertion', token)).status).toBe(200)
  const [before] = upstream.requests.map(assertionOf)
  accepts = (received) => assertionOf(received) !== before

  expect((await send('/assertion', token)).status).toBe(200)
  expect(upstream.requests).toHaveLength(3)

  accepts = () => false
  const refused = await send('/assertion', token)
  expect(refused.status).toBe(401)
  expect(refused.field('www-authenticate')).toBe('Basic realm="inner"')
  expect(upstream.requests).toHaveLength(4)
})

test('a request whose credential the gate has renewed is not sent again after a 503', async () => {
  const echo = upstream.handler
  upstream.handler = async (received, response, incoming) => {
    if (upstream.requests.length === 1) return echo(received, response, incoming)
    response.writeHead(503).end()
  }
  accepts = () => false
  const reply = await send('/retried')
  upstream.handler = echo

  expect(reply.status).toBe(503)
  expect(upstream.requests).toHaveLength(2)
  expect(new Set(upstream.requests.map(assertionOf)).size).toBe(2)
})

test('a POST whose assertion the service refuses is sent once, and the 401 reaches the client', async () => {
  accepts = () => false

  expect((await send('/assertion', undefined, 'POST', 'body')).status).toBe(401)
  expect(upstream.requests).toHaveLength(1)
})

test('if the gate adds no credential, a 401 of the service reaches the client unchanged', async () => {
  accepts = () => false

  const reply = await send('/none')

  expect(reply.status).toBe(401)
  expect(reply.field('www-authenticate')).toBe('Basic realm="inner"')
  expect(reply.text).toContain('inner')
})

// After a node has acknowledged a revocation, it forwards no request with the revoked token. This includes requests
// that waited for a rate limit in Redis, for a connection to the service, or for the next upstream.

import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { certificateFor } from '../kit/certificate.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { startNodeProcess } from '../kit/node.ts'
import { foundEpoch, startRevocationService } from '../kit/node-cluster.ts'
import { NodeFolder } from '../kit/node-folder.ts'
import { listen } from '../kit/ports.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { RedisRelay } from '../kit/redis-relay.ts'
import { startStoppedUpstream } from '../kit/stopped-upstream.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

/** A TLS service that accepts connections but starts their handshakes only when `release()` is called. */
class HeldTls {
  readonly targets: string[] = []
  readonly #folder = new NodeFolder()
  readonly #waiting: Socket[] = []
  port = 0
  certFile = ''
  #accept: (socket: Socket) => void = () => {}

  async start(): Promise<void> {
    const { certFile, keyFile } = await certificateFor(this.#folder.path, 'service', ['localhost'])
    this.certFile = certFile
    const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)]
    const http = createHttpServer((request, response) => {
      this.targets.push(request.url!)
      response.end('ok')
    })
    this.#accept = (socket) => {
      const secure = new TLSSocket(socket, { isServer: true, cert, key })
      secure.on('error', () => undefined)
      http.emit('connection', secure)
    }
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on('error', () => undefined)
      this.#waiting.push(socket)
    })
    this.port = await listen(server)
    atEnd(() => {
      this.release()
      http.closeAllConnections()
      server.close()
      this.#folder.remove()
    })
  }

  /** Number of connections whose handshake has not started. */
  get waiting(): number {
    return this.#waiting.length
  }

  release(): void {
    for (const socket of this.#waiting.splice(0)) this.#accept(socket)
  }
}

const redis = await testRedis()
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const tls = new HeldTls()
await tls.start()
/** Replies 503, once `revoked` has resolved, and notes the targets of the requests. */
const failed: string[] = []
const revoked = Promise.withResolvers<void>()
const failing = await startUpstream({
  handler: async ({ url }, response) => {
    failed.push(url)
    if (url.endsWith('/revoked')) await revoked.promise
    response.writeHead(503).end()
  },
})
const [issuer, upstream, kept, relay, held, heldFirst] = await Promise.all([
  startIssuer(),
  startUpstream(),
  startUpstream({ handler: (_received, response) => void response.end('ok') }),
  RedisRelay.start(redis.port),
  startStoppedUpstream(),
  startStoppedUpstream(),
])
const route = (id: string, more: object = {}) => ({
  id,
  match: { path: `/${id}/**` },
  require: { scopes: { all: ['orders:read'] } },
  ...more,
})
const limit = { name: 'calls', requests: 500, window: '60s', by: 'subject', mode: 'exact' }
const service = (upstreams: string[], connect: string, ...routes: object[]) => ({
  upstreams,
  credentials: 'none',
  timeouts: { connect },
  routes,
})
const node = await startNodeProcess({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      limited: service(
        [upstream.url],
        '2s',
        route('limited', { limits: [limit], on_outage: { limits: 'open' } }),
        route('free'),
      ),
      held: service([held.url], '60s', route('held')),
      secure: service([`https://localhost:${tls.port}`], '60s', route('secure')),
      failing: {
        ...service([failing.url, failing.url.replace('127.0.0.1', 'localhost')], '2s', route('failing')),
        retry: { on: [503] },
      },
      retried: service([heldFirst.url, kept.url], '10s', route('retried')),
    },
  },
  settings: {
    redis: { url: `redis://127.0.0.1:${relay.port}` },
    revocation: { max_staleness: '60s' },
    admin: { listen: '127.0.0.1:0' },
    check: { peers: ['127.0.0.0/8'] },
  },
  env: { NODE_EXTRA_CA_CERTS: tls.certFile },
})
const revoker = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })

function get(target: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  return fetch(`http://127.0.0.1:${node.port}${target}`, { headers }).then(async (reply) => {
    await reply.text()
    return reply.status
  })
}

/** Sends a forward-auth check, as a proxy in front of the gate does. */
function check(target: string, token: string): Promise<number> {
  const headers = {
    authorization: `Bearer ${token}`,
    'x-forwarded-method': 'GET',
    'x-forwarded-uri': target,
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'api.test',
  }
  return fetch(`http://127.0.0.1:${node.port}/.gatehouse/check`, { headers }).then(({ status }) => status)
}

/** Sends a POST with a body of 100 kB. */
function upload(target: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  const sent = { method: 'POST', headers, body: 'x'.repeat(100_000) }
  return fetch(`http://127.0.0.1:${node.port}${target}`, sent).then(({ status }) => status)
}

/** Revokes a token. Resolves after the node has acknowledged the revocation. */
async function revoke(token: string): Promise<void> {
  expect((await revoker.revoke({ kind: 'token', token })).missing).toEqual([])
}

const recordOf = (target: string) => node.waitForRecord(({ path }) => path === target)

test.each([
  { what: 'request', send: get },
  { what: 'forward-auth check', send: check },
])('a $what that waits for a rate limit is rejected if its token is revoked meanwhile', async ({ what, send }) => {
  const target = `/limited/${what === 'request' ? 'sent' : 'checked'}`
  const token = issuer.sign()
  expect(await get('/limited/known', token)).toBe(200)
  relay.hold(':exact:')
  const status = send(target, token)
  await until('the limit command is held on its way to Redis', () => relay.held > 0)
  await revoke(token)
  relay.release()

  expect(await status).toBe(401)
  expect(await recordOf(target)).toMatchObject({ decision: 'refused', reason: 'token-revoked' })
  expect(upstream.requests.filter(({ url }) => url === target)).toEqual([])
})

test('a request that waits for a plain HTTP connection is rejected if its token is revoked meanwhile, before its head is sent', async () => {
  const [token, good] = [issuer.sign(), issuer.sign()]
  expect(await Promise.all([token, good].map((each) => get('/held/before', each)))).toEqual([200, 200])
  await held.hold()
  const before = held.waiting
  const statuses = [get('/held/revoked', token), upload('/held/upload', token), get('/held/good', good)]
  await until('all requests wait for a connection', () => held.waiting === before + 3)
  await revoke(token)
  held.release()

  expect(await Promise.all(statuses)).toEqual([401, 401, 200])
  expect(held.targets.filter((target) => target !== '/held/before')).toEqual(['/held/good'])
  expect(await recordOf('/held/revoked')).toMatchObject({ decision: 'refused', reason: 'token-revoked' })
})

test('a request that waits for a TLS connection is rejected if its token is revoked meanwhile, before its head is sent', async () => {
  const [token, good] = [issuer.sign(), issuer.sign()]
  expect(await Promise.all([token, good].map((each) => get('/free/before', each)))).toEqual([200, 200])
  const statuses = [get('/secure/revoked', token), upload('/secure/upload', token), get('/secure/good', good)]
  await until('all requests wait for a handshake', () => tls.waiting === 3)
  await revoke(token)
  tls.release()

  expect(await Promise.all(statuses)).toEqual([401, 401, 200])
  expect(tls.targets).toEqual(['/secure/good'])
  expect(await recordOf('/secure/revoked')).toMatchObject({ decision: 'refused', reason: 'token-revoked' })
})

test('a request whose token is revoked while one upstream is silent is not retried at the next upstream', async () => {
  const token = issuer.sign()
  // The gate picks upstreams at random. Requests are sent until the second upstream has an open connection.
  for (let i = 0; kept.requests.length === 0; i++) expect(await get(`/retried/before-${i}`, token)).toBe(200)
  await heldFirst.hold()
  const before = heldFirst.waiting
  let target = ''
  let status: Promise<number>
  let served: boolean
  do {
    served = false
    target += '/retried/revoked'
    status = get(target, token)
    void status.then(() => {
      served = true
    })
    await until('the request waits for a connection, or was served', () => served || heldFirst.waiting > before)
  } while (served)
  await revoke(token)

  expect(await status).toBe(401)
  expect(kept.requests.map(({ url }) => url)).not.toContain(target)
  expect(await recordOf(target)).toMatchObject({ reason: 'token-revoked', attempts: 1 })
})

test('a request whose token is revoked before the service replies 503 is not sent again', async () => {
  const token = issuer.sign()
  expect(await get('/failing/before', token)).toBe(503)
  expect(failed).toEqual(['/failing/before', '/failing/before'])
  const status = get('/failing/revoked', token)
  await until('the request has reached the service', () => failed.includes('/failing/revoked'))
  await revoke(token)
  revoked.resolve()

  expect(await status).toBe(401)
  expect(failed.filter((target) => target === '/failing/revoked')).toHaveLength(1)
  expect(await recordOf('/failing/revoked')).toMatchObject({ reason: 'token-revoked', attempts: 1 })
})

// A stolen bound token, on every way by which a request reaches the gate (RFC 9449 §7, RFC 8705 §3). Attack cases S-077,
// S-078, S-081, S-083. The control of each way is the same request with the proof.

import { request as httpRequest } from 'node:http'
import { expect, test } from 'vitest'
import { DpopClient, dpopFields } from '../kit/dpop.ts'
import { Http2Session } from '../kit/http2-session.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'
import { openSocket, refusedSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

const publicUrl = 'https://api.example'
const [issuer, orders, sockets, redis] = await Promise.all([
  startIssuer(),
  startUpstream(),
  WebSocketService.start(),
  testRedis(),
])
await foundEpoch(await testLink(redisSettingsFor(redis.port)))
const scopes = { scopes: { all: ['orders:read'] } }
const node = await startNode({
  settings: {
    public_url: publicUrl,
    redis: { url: redis.url },
    listen_h2: { address: '127.0.0.1:0', tls: false },
    check: { peers: ['127.0.0.0/8'] },
  },
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      orders: {
        upstreams: [orders.url],
        routes: [{ id: 'orders', match: { path: '/orders/**' }, require: scopes }],
      },
      sockets: {
        upstreams: [sockets.url],
        routes: [
          {
            id: 'sockets',
            match: { path: '/sockets/**' },
            require: scopes,
            websocket: { token_in_protocol: true },
          },
        ],
      },
    },
  },
})
const h2 = new Http2Session(node.http2Port)
const host = 'api.example'

type Fields = readonly (readonly [name: string, value: string])[]

interface Way {
  readonly method: 'GET' | 'POST'
  readonly target: string
  /** @returns status of the reply; for gRPC, the HTTP status that the same denial has without gRPC */
  readonly send: (target: string, fields: Fields) => Promise<number>
}

const lowerCase = (fields: Fields) => Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]))

/** Uploads a chunked body. */
function upload(path: string, fields: Fields): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host, ...lowerCase(fields) }
    const sent = httpRequest({ port: node.port, host: '127.0.0.1', path, method: 'POST', headers }, (reply) => {
      resolve(reply.statusCode!)
      reply.resume()
    })
    sent.on('error', reject)
    sent.write('hello')
    sent.end(' world')
  })
}

async function handshake(target: string, fields: Fields): Promise<number> {
  const asked = { host, fields: lowerCase(fields), protocols: ['chat'] }
  const refused = refusedSocket(node.port, target, asked).then(({ status }) => status)
  return refused.catch((error: Error) => {
    if (error.message === 'the handshake opened a WebSocket') return 101
    throw error
  })
}

const ways: Readonly<Record<string, Way>> = {
  'a request': {
    method: 'GET',
    target: '/orders/1',
    send: async (target, fields) => (await request(node.port, requestBytes({ target, host, fields }))).status,
  },
  'an upload of known length': {
    method: 'POST',
    target: '/orders/2',
    send: async (target, fields) =>
      (await request(node.port, requestBytes({ method: 'POST', target, host, fields, body: 'hello' }))).status,
  },
  'a chunked upload': { method: 'POST', target: '/orders/3', send: upload },
  'a WebSocket handshake': { method: 'GET', target: '/sockets/1', send: handshake },
  'a forward-auth check': {
    method: 'GET',
    target: '/orders/4',
    send: async (target, fields) => {
      const stated: Fields = [
        ['X-Forwarded-Method', 'GET'],
        ['X-Forwarded-Uri', target],
        ['X-Forwarded-Host', host],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-For', '192.0.2.7'],
      ]
      const bytes = requestBytes({ target: '/.gatehouse/check', fields: [...stated, ...fields] })
      return (await request(node.port, bytes)).status
    },
  },
  'a request over HTTP/2': {
    method: 'GET',
    target: '/orders/5',
    send: async (target, fields) => (await h2.get(target, { ':authority': host, ...lowerCase(fields) })).status,
  },
  'an upload over HTTP/2': {
    method: 'POST',
    target: '/orders/6',
    send: async (target, fields) =>
      (await h2.post(target, 'hello', { ':authority': host, ...lowerCase(fields) })).status,
  },
}

const client = new DpopClient()
const bound = client.tokenOf(issuer)
const ofCertificate = issuer.sign({ claims: { cnf: { 'x5t#S256': client.thumbprint } } })
const ofBoth = issuer.sign({ claims: { cnf: { jkt: client.thumbprint, 'x5t#S256': client.thumbprint } } })
const reasonOf = async (target: string) => {
  const record = await node.waitForRecord(({ path }) => path === target)
  return record['reason']
}
let sent = 0
/** A new target for each request, so that its record can be found. */
const own = (target: string) => `${target}/${sent++}`
const served = () => orders.requests.length + sockets.sockets.length

test.each(Object.entries(ways))(
  '%s with a DPoP-bound token is admitted once with its DPoP proof, and not without the proof',
  async (_, way) => {
    const proofOf = (target: string, token = bound) =>
      client.proof(publicUrl + target, token, { claims: { htm: way.method } })
    const before = served()
    const thefts: readonly [token: string, (target: string) => Fields, reason: string][] = [
      [bound, () => [['Authorization', `Bearer ${bound}`]], 'proof-missing'],
      [bound, () => [['Authorization', `DPoP ${bound}`]], 'proof-missing'],
      [
        bound,
        (target) => [
          ['Authorization', `Bearer ${bound}`],
          ['DPoP', proofOf(target)],
        ],
        'proof-missing',
      ],
      [bound, () => dpopFields(bound, proofOf('/orders/of-another-request')), 'proof-url'],
      [bound, (target) => dpopFields(bound, proofOf(target, 'another token')), 'proof-token'],
      [ofCertificate, () => [['Authorization', `Bearer ${ofCertificate}`]], 'token-binding'],
      [ofCertificate, (target) => dpopFields(ofCertificate, proofOf(target, ofCertificate)), 'binding-missing'],
      [ofBoth, (target) => dpopFields(ofBoth, proofOf(target, ofBoth)), 'token-binding'],
    ]
    for (const [, fieldsOf, reason] of thefts) {
      const target = own(way.target)
      expect([await way.send(target, fieldsOf(target)), await reasonOf(target)]).toEqual([401, reason])
    }
    expect(served()).toBe(before)

    const target = own(way.target)
    const fields = dpopFields(bound, proofOf(target))
    expect([200, 101]).toContain(await way.send(target, fields))
    expect(await way.send(target, fields)).toBe(401)
    const { reason } = await node.waitForRecord(({ path, status }) => path === target && status === 401)
    expect(reason).toBe('proof-replayed')
  },
)

test('a DPoP-bound token among the subprotocols of a WebSocket handshake is rejected, even with its DPoP proof', async () => {
  const target = own('/sockets/1')
  const inProtocol = `gatehouse.bearer.${Buffer.from(bound).toString('base64url')}`
  const proof = client.proof(publicUrl + target, bound)
  const asked = { host, protocols: ['chat', inProtocol], fields: { dpop: proof } }

  expect((await refusedSocket(node.port, target, asked)).status).toBe(401)
  expect(await reasonOf(target)).toBe('proof-missing')
  const unbound = `gatehouse.bearer.${Buffer.from(issuer.sign()).toString('base64url')}`
  await openSocket(node.port, target, { host, protocols: ['chat', unbound] })
})

test('a gRPC call with a DPoP-bound token but without its DPoP proof gets UNAUTHENTICATED', async () => {
  const target = own('/orders/7')
  const fields = { ':authority': host, 'content-type': 'application/grpc', te: 'trailers' }
  const reply = await h2.post(target, '', { ...fields, authorization: `DPoP ${bound}` })

  expect([reply.status, reply.field('grpc-status')]).toEqual([200, '16'])
  expect(await reasonOf(target)).toBe('proof-missing')
})

import { expect, test } from 'vitest'
import { parseBlock } from '../../../gateway/base/address-blocks.ts'
import { offlineGate } from '../../../gateway/cli/offline-gate.ts'
import { CHECK_PEER_MS } from '../../../gateway/http2/check-call.ts'
import { Http2Listener, type Http2ListenOptions } from '../../../gateway/http2/http2-listener.ts'
import { Proxies } from '../../../gateway/pipeline/client-address/proxies.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { TestEnvoy } from '../../kit/envoy.ts'
import { Http2Session, type SessionReply } from '../../kit/http2-session.ts'
import { until } from '../../kit/until.ts'
import { snapshotOf } from '../policy/policy-text.ts'

// Calls of Envoy's authorization service: who may call, frames of gRPC, limits of size and time.

const path = '/envoy.service.auth.v3.Authorization/Check'
const snapshot = snapshotOf(
  '{ version: 1, services: { s: { upstreams: ["http://127.0.0.1:1"], credentials: none, routes: [{ id: r, match: { path: /s/** }, require: public }] } } }',
)
const verifier = {
  verify: () => 'token-malformed' as const,
  knows: () => false,
  holdsValid: () => false,
  isIntrospected: () => false,
}
const offline = await offlineGate(snapshot, verifier, 'https://gate.test')

interface Peers {
  readonly checkPeers?: string[]
  readonly tcpProxies?: string[]
}

async function listen({ checkPeers = [], tcpProxies = [] }: Peers, options: Partial<Http2ListenOptions> = {}) {
  const clock = { ms: 1000 }
  const proxies = new Proxies({
    proxies: tcpProxies.map((text) => ({ block: parseBlock(text)!, mode: 'tcp' })),
    clientAddress: 'x-forwarded-for',
    proxyProtocol: 'off',
    checkPeers: checkPeers.map((text) => parseBlock(text)!),
  })
  const listener = await Http2Listener.open(
    { ...offline, proxies },
    {
      host: '127.0.0.1',
      port: 0,
      reusePort: false,
      certificates: undefined,
      clientTrust: undefined,
      maxStreams: 100,
      maxSessions: 100,
      maxSessionsPerAddress: 100,
      maxAgeMs: 3_600_000,
      extAuthz: true,
      idleMs: 30_000,
      now: () => clock.ms,
      ...options,
    },
  )
  atEnd(() => listener.close())
  return { listener, clock, session: new Http2Session(listener.port), envoy: new TestEnvoy(listener.port) }
}

const head = { 'content-type': 'application/grpc', te: 'trailers' }

function framed(message: Buffer, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5, flag)
  prefix.writeUInt32BE(length, 1)
  return Buffer.concat([prefix, message])
}

const statusOf = (reply: SessionReply) => reply.field('grpc-status')

const listed = await listen({ checkPeers: ['127.0.0.1'] })
const good = listed.envoy.encode(listed.envoy.message({ path: '/s/1' }))

test('an ext_authz check of a peer in check.peers gets one message, and the gRPC status in trailers', async () => {
  const reply = await listed.session.post(path, framed(good), head)

  expect([reply.status, reply.field('content-type')]).toEqual([200, 'application/grpc'])
  expect([reply.body[0], reply.body.readUInt32BE(1)]).toEqual([0, reply.body.length - 5])
  expect(reply.trailers).toEqual(['grpc-status', '0'])
})

test.each(['application/grpc+proto', 'application/grpc;charset=utf-8', 'Application/GRPC+proto ; a'])(
  'the gate decides an ext_authz check with the content type %j',
  async (type) => {
    const reply = await listed.session.post(path, framed(good), { ...head, 'content-type': type })

    expect(reply.trailers).toEqual(['grpc-status', '0'])
  },
)

test.each([
  ['a peer that check.peers does not list', { checkPeers: ['10.0.0.0/8'] }],
  ['any peer when check.peers is empty', {}],
  [
    'a listed peer that is a TCP proxy, whose clients write its bytes',
    { checkPeers: ['127.0.0.1'], tcpProxies: ['127.0.0.1'] },
  ],
])('an ext_authz check of %s gets UNIMPLEMENTED and no decision', async (_, peers) => {
  const { session, listener } = await listen(peers)

  for (const body of [framed(good), Buffer.alloc(0), 'open'] as const) {
    const { stream, reply } = session.send({ ':method': 'POST', ':path': path, ...head }, body)
    const refused = await reply.finally(() => stream.destroy())
    expect([refused.status, statusOf(refused), refused.body.length]).toEqual([200, '12', 0])
  }
  await until('no call is in progress', () => listener.inFlight === 0)
})

test('without the setting ext_authz, an ext_authz call of a peer in check.peers is handled as an ordinary request', async () => {
  const { session } = await listen({ checkPeers: ['127.0.0.1'] }, { extAuthz: false })

  expect(statusOf(await session.post(path, framed(good), head))).toBe('12')
})

test.each([
  ['GET', { ':method': 'GET', ':path': path, ...head }],
  ['another content type', { ':method': 'POST', ':path': path, 'content-type': 'application/json' }],
  ['gRPC with JSON', { ':method': 'POST', ':path': path, 'content-type': 'application/grpc+json' }],
  ['a query', { ':method': 'POST', ':path': `${path}?a`, ...head }],
  ['an escape in the path', { ':method': 'POST', ':path': path.replace('Check', '%43heck'), ...head }],
])('a request for the path of ext_authz with %s is not handled as a check', async (_, fields) => {
  const reply = await listed.session.send(fields, framed(good)).reply

  expect([reply.status, statusOf(reply)]).not.toEqual([200, undefined])
  expect(reply.trailers).toEqual([])
})

test.each([
  ['no message', Buffer.alloc(0), '13'],
  ['a part of the prefix', Buffer.alloc(4), '13'],
  ['a message that is cut', framed(good, 0, good.length + 1), '13'],
  ['bytes after the message', Buffer.concat([framed(good), Buffer.from('x')]), '13'],
  ['two messages', Buffer.concat([framed(good), framed(good)]), '13'],
  ['the flag of compression', framed(good, 1), '13'],
])('an ext_authz call with %s fails with grpc-status %3$s', async (_, body, status) => {
  expect(statusOf(await listed.session.post(path, body, head))).toBe(status)
})

test('an ext_authz call without a body fails', async () => {
  expect(statusOf(await listed.session.send({ ':method': 'POST', ':path': path, ...head }).reply)).toBe('13')
})

test('an ext_authz call with compressed messages fails, and the reply names the accepted encoding', async () => {
  const reply = await listed.session.post(path, framed(good, 1), { ...head, 'grpc-encoding': 'gzip' })

  expect([statusOf(reply), reply.field('grpc-accept-encoding')]).toEqual(['12', 'identity'])
})

// With `failure_mode_allow: true`, Envoy admits requests whose check has failed: a client must not be able to cause that.
test.each([
  ['that is malformed', Buffer.from([0x0a, 5]), 400],
  ['that is empty', Buffer.alloc(0), 400],
  ['of 300 KiB', Buffer.concat([good, Buffer.from([0x7a, 0x80, 0xe0, 0x12]), Buffer.alloc(307_200)]), 431],
])(
  'an ext_authz check with a message %s is denied, and the gRPC call itself does not fail',
  async (_, message, status) => {
    const { status: rpc, denied_response } = await listed.envoy.call(message)

    expect([rpc.code, denied_response?.status.code]).toEqual([status === 400 ? 3 : 8, status])
  },
)

test('the gate ends an ext_authz call whose peer does not send its message, or does not take the reply, in time', async () => {
  const { listener, clock, session } = await listen({ checkPeers: ['127.0.0.1'] })
  const { reply } = session.send({ ':method': 'POST', ':path': path, ...head }, 'open')
  await until('the call has arrived', () => listener.inFlight === 1)
  clock.ms += CHECK_PEER_MS - 1
  const other = await session.post(path, framed(good), head)
  expect([other.code, listener.inFlight]).toEqual([0, 1])
  clock.ms += 1

  expect((await reply).code).toBe(8)
  await until('no call is in progress', () => listener.inFlight === 0)
})

test('connections of a peer that sends ext_authz checks are not limited by address, because they carry the checks of all clients', async () => {
  const { listener, envoy } = await listen({ checkPeers: ['127.0.0.1'] }, { maxSessionsPerAddress: 1 })
  const envoys = [envoy, new TestEnvoy(listener.port), new TestEnvoy(listener.port)]
  const verdicts = await Promise.all(envoys.map((each) => each.check({ path: '/s/1' })))

  expect(verdicts.map(({ status }) => status)).toEqual([200, 200, 200])
})

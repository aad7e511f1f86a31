import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, expect, test } from 'vitest'
import { certificateFor } from '../kit/certificate.ts'
import { grpcMessage, valueIn } from '../kit/grpc-wire.ts'
import { Http2Service } from '../kit/http2-service.ts'
import { Http2Session, type SentRequest } from '../kit/http2-session.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNodeProcess } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { until } from '../kit/until.ts'

// Signals and the admin API while calls and uploads over HTTP/2 are in progress.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-http2-signals-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A service that echoes messages and ends the call with status 0. */
const service = await Http2Service.start({
  onStream: ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.pipe(stream)
  },
})
const issuer = await startIssuer()
const certificate = await certificateFor(folder, 'api', ['api.example'])
const bootstrap = randomBytes(32).toString('base64url')
const policyWith = (scope: string) =>
  testPolicy({
    issuer: issuer.url,
    orders: service.url,
    ordersEntry: {
      protocol: 'h2c',
      routes: [
        { id: 'rpc', match: { grpc: 'demo.Orders/*' }, require: { scopes: { all: ['orders:read'] } } },
        { id: 'upload', match: { path: '/upload' }, require: { scopes: { all: [scope] } } },
      ],
    },
  })
const node = await startNodeProcess({
  policy: policyWith('orders:read'),
  settings: {
    tls: { certificates: [{ cert: certificate.certFile, key: { file: certificate.keyFile } }] },
    public_url: 'https://api.example',
    listen_h2: { address: '127.0.0.1:0', tls: true },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
    drain_delay: '0s',
  },
  env: { BOOTSTRAP: bootstrap },
})
const client = new Http2Session(node.http2Port, 'api.example')
const head = {
  ':method': 'POST',
  ':authority': 'api.example',
  ':scheme': 'https',
  authorization: `Bearer ${issuer.sign({ claims: { sub: 'alice' } })}`,
}
const call = (): SentRequest =>
  client.send({ ...head, ':path': '/demo.Orders/Chat', 'content-type': 'application/grpc', te: 'trailers' }, 'open')
const upload = (): SentRequest => client.send({ ...head, ':path': '/upload' }, 'open')
const ping = grpcMessage('ping')

/** Sends bytes, and waits until they have returned. */
async function echo({ stream }: SentRequest, bytes: Buffer): Promise<void> {
  const returned = once(stream, 'data')
  stream.write(bytes)
  expect((await returned)[0]).toEqual(bytes)
}

test('`gatehouse streams list` has a gRPC call in progress', async () => {
  const open = call()
  await echo(open, ping)
  let listed: readonly Record<string, unknown>[] = []
  await until('the call in the list', async () => {
    const headers = { authorization: `Bearer ${bootstrap}` }
    const reply = await fetch(`http://127.0.0.1:${node.adminPort}/api/v1/streams?subject=alice`, { headers })
    listed = ((await reply.json()) as { streams: Record<string, unknown>[] }).streams
    return listed.length > 0
  })

  expect(listed).toMatchObject([{ route: 'rpc', subject: 'alice', held: false }])
  expect([listed[0]!['bytes_in'], listed[0]!['bytes_out']]).toEqual([ping.length, ping.length])
  open.stream.end()
  expect(valueIn((await open.reply).trailers, 'grpc-status')).toBe('0')
})

test('calls and uploads over HTTP/2 continue while SIGHUP activates another certificate and another policy', async () => {
  const [open, sent] = [call(), upload()]
  await echo(open, ping)
  await echo(sent, ping)
  const revision = node.writePolicy(policyWith('orders:write'))
  await certificateFor(folder, 'api', ['api.example', 'new.example'])
  node.reload()
  await node.waitForLine(({ msg }) => msg === 'certificates reloaded')
  const fresh = new Http2Session(node.http2Port, 'new.example')
  await until('a reply of the new policy', async () => {
    const { reply } = fresh.send({ ...head, ':path': '/upload' }, Buffer.alloc(1))
    const id = (await reply).field('x-request-id')
    return (await node.waitForRecord((record) => record['id'] === id))['revision'] === revision
  })

  expect((fresh.session.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName).toContain('new.example')
  await echo(open, ping)
  open.stream.end()
  expect(valueIn((await open.reply).trailers, 'grpc-status')).toBe('0')
  // The new policy refuses the upload, whose reply has begun.
  expect((await sent.reply).code).not.toBe(0)
})

test('a node that gets SIGTERM completes an upload over HTTP/2, and sends GOAWAY', async () => {
  node.writePolicy(policyWith('orders:read'))
  await until('the previous policy', async () => {
    const sent = upload()
    sent.stream.end()
    return (await sent.reply).status === 200
  })
  const sent = upload()
  await echo(sent, ping)
  const exit = node.stop()
  await until('GOAWAY', () => client.goaways.length > 0)
  for (let i = 0; i < 20; i++) await echo(sent, randomBytes(1000))
  sent.stream.end()
  const reply = await sent.reply

  expect([reply.status, reply.code, reply.body.length]).toEqual([200, 0, ping.length + 20_000])
  expect(client.goaways[0]).toMatchObject({ code: 0 })
  expect(await exit).toBe(0)
})

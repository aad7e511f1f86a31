import { createServer } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { IssuerHttp } from '../../gateway/issuers/issuer-http.ts'
import { RedisLink } from '../../gateway/redis/redis-link.ts'
import { Delivery } from '../../gateway/telemetry/delivery.ts'
import { openExports } from '../../gateway/telemetry/otlp/open-exports.ts'
import { CertificateAuthority } from '../kit/certificate-authority.ts'
import { atEnd } from '../kit/cleanup.ts'
import { listen } from '../kit/ports.ts'
import { redisSettingsFor } from '../kit/redis.ts'
import { shippedBatch, sinkOf } from '../kit/shipped.ts'

// The variable NODE_TLS_REJECT_UNAUTHORIZED=0 of Node.js disables the verification of certificates wherever code does not
// demand it. The gate demands it: at issuers, Redis, audit sinks and receivers of telemetry. test/integration/upstream-tls.test.ts has services.

const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
beforeAll(() => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
})
afterAll(() => {
  if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
})

const untrusted = await (await CertificateAuthority.create('unknown')).issue({ names: ['localhost'] })

/**
 * Starts a TLS server whose certificate no client trusts. `received` is the text of the first connection at its end; '' for
 * a connection that the client closed within the handshake.
 */
async function startUntrusted() {
  const server = createServer(untrusted)
  const { promise: received, resolve } = Promise.withResolvers<string>()
  server.on('tlsClientError', () => resolve(''))
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => {
      resolve(data.toString('latin1'))
      socket.destroy()
    })
    socket.on('close', () => resolve(''))
  })
  return { port: await listen(server), received }
}

test('the gate sends nothing to an issuer with an untrusted certificate', async () => {
  const { port, received } = await startUntrusted()
  const http = new IssuerHttp({ maxBytes: 1000 })
  atEnd(() => http.close())
  const signal = AbortSignal.timeout(30_000)

  await expect(http.send(`https://localhost:${port}/token`, { method: 'POST', headers: {}, signal })).rejects.toThrow()
  expect(await received).toBe('')
})

test('the gate sends nothing to a Redis with an untrusted certificate', async () => {
  const { port, received } = await startUntrusted()
  const tls = { ca: undefined, cert: undefined, key: undefined, serverName: 'localhost' }
  const link = new RedisLink(redisSettingsFor(port, { tls, password: 'secret-of-redis' }), () => {})
  atEnd(() => link.close())

  expect(await received).toBe('')
})

test.each([
  ['http', (port: number) => ({ type: 'http', url: `https://localhost:${port}/` })],
  ['syslog', (port: number) => ({ type: 'syslog', address: `localhost:${port}` })],
])('a worker sends nothing to a sink of type %s with an untrusted certificate', async (_, entry) => {
  const { port, received } = await startUntrusted()
  const sink = sinkOf(entry(port))

  await expect(sink.send([shippedBatch(1)])).rejects.toThrow()
  expect(await received).toBe('')
})

test('a telemetry export sends nothing to a receiver with an untrusted certificate', async () => {
  const { port, received } = await startUntrusted()
  const { promise: failed, resolve } = Promise.withResolvers<unknown>()
  const delivery = new Delivery('logs', (_, __, { reason }) => resolve(reason))
  const settings = { traces: undefined, metrics: undefined, logs: { endpoint: `https://localhost:${port}/v1/logs` } }
  const names = { service: 'gatehouse', version: '1', node: 'n1' } as const
  const { logs } = openExports(
    settings,
    names,
    () => {},
    () => delivery,
    () => undefined,
  )
  atEnd(() => logs!.close())
  logs!.add({ timeMs: Date.now(), level: 'info', message: 'secret-of-the-log', fields: {} })

  expect(await received).toBe('')
  expect(await failed).toMatch(/certificate/)
})

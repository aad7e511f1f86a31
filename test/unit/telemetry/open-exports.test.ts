// The exporters of OTLP follow their secret and their certificate files while the process runs.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { Secrets } from '../../../gateway/config/secrets.ts'
import { Delivery } from '../../../gateway/telemetry/delivery.ts'
import { openExports } from '../../../gateway/telemetry/otlp/open-exports.ts'
import { CertificateAuthority } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { startOtlpReceiver } from '../../kit/otlp-receiver.ts'
import { listen } from '../../kit/ports.ts'
import { until } from '../../kit/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-exports-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

const file = (name: string) => join(folder, name)
function put(name: string, text: string): string {
  writeFileSync(`${file(name)}.new`, text, { mode: 0o600 })
  renameSync(`${file(name)}.new`, file(name))
  return file(name)
}

function exportLogs(endpoint: string, secret?: ReturnType<Secrets['open']>) {
  const reasons: unknown[] = []
  const delivery = new Delivery('logs', (_, __, { reason }) => reasons.push(reason))
  const names = { service: 'gatehouse', version: '1', node: 'n1' } as const
  const settings = { traces: undefined, metrics: undefined, logs: { endpoint } }
  const { logs } = openExports(
    settings,
    names,
    () => {},
    () => delivery,
    () => secret,
  )
  atEnd(() => logs!.close())
  const send = (message: string) => logs!.add({ timeMs: Date.now(), level: 'info', message, fields: {} })
  return { send, reasons, close: () => logs!.close() }
}

test('after the file of the authorization changed, telemetry exports send the new value, and the previous value when the receiver refuses the new one', async () => {
  const receiver = await startOtlpReceiver()
  const place = { file: put('authorization', 'Bearer one') }
  const secrets = new Secrets({ env: {}, log: () => {} })
  const secret = secrets.open(place, { path: ['telemetry', 'authorization'], usedBy: 'export of telemetry' })
  const { send, reasons } = exportLogs(`${receiver.url}/v1/logs`, secret)
  const received = (message: string) =>
    receiver.waitFor(message, ({ logs }) => (logs.some(({ body }) => body === message) ? true : undefined))
  const sent = () => receiver.requests.map(({ headers }) => headers.authorization)

  send('first')
  await received('first')
  put('authorization', 'Bearer two')
  secrets.reload()
  send('second')
  await received('second')
  expect(sent()).toEqual(['Bearer one', 'Bearer two'])

  const refused: unknown[] = []
  receiver.handler = (request, response) => {
    const { authorization } = request.headers
    if (authorization === 'Bearer three') {
      refused.push(authorization)
      response.writeHead(401).end()
      return
    }
    receiver.requests.push(request)
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  }
  put('authorization', 'Bearer three')
  secrets.reload()
  send('third')
  await received('third')

  expect([refused, sent().at(-1), reasons]).toEqual([['Bearer three'], 'Bearer two', []])
})

test('after the certificate files in the OpenTelemetry variables changed, a new connection of a telemetry export uses the new files', async () => {
  const [first, second] = await Promise.all(['one', 'two'].map((name) => CertificateAuthority.create(name)))
  const bodies: number[] = []
  const server = createServer(await first!.issue({ names: ['localhost'] }), (request, response) => {
    bodies.push(0)
    request.resume()
    // Each export opens a new connection.
    response.writeHead(200, { connection: 'close', 'content-type': 'application/x-protobuf' }).end()
  })
  const port = await listen(server)
  atEnd(() => void server.close())
  vi.stubEnv('OTEL_EXPORTER_OTLP_CERTIFICATE', put('ca', first!.cert))
  const { send, reasons } = exportLogs(`https://localhost:${port}/v1/logs`)

  send('first')
  await until('the first export', () => bodies.length === 1)
  server.setSecureContext(await second!.issue({ names: ['localhost'] }))
  put('ca', second!.cert)
  send('second')
  await until('the second export', () => bodies.length === 2)
  // A file without a certificate leaves the certificates in use.
  put('ca', '-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n')
  send('third')
  await until('the third export', () => bodies.length === 3)

  expect(reasons).toEqual([])
})

test('a closed telemetry export leaves no connection to the receiver open', async () => {
  let connections = 0
  const server = createPlainServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
  server.keepAliveTimeout = 0
  server.on('connection', (socket) => {
    connections++
    socket.on('close', () => connections--)
  })
  const port = await listen(server)
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  const { send, close } = exportLogs(`http://127.0.0.1:${port}/v1/logs`)

  send('only')
  await until('the connection of the export', () => connections === 1)
  await close()

  await until('the end of the connection', () => connections === 0)
})

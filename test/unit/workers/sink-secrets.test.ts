// Audit sinks follow their secrets and certificates. When a receiver refuses a new value, the previous one is presented,
// and no record is lost.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { SinkMaker } from '../../../gateway/audit/sink-maker.ts'
import { Secrets } from '../../../gateway/config/secrets.ts'
import { sinkEntry } from '../../../gateway/config/sinks/sink-kinds.ts'
import { CertificateAuthority } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { httpReceiver } from '../../kit/http-receiver.ts'
import { listen } from '../../kit/ports.ts'
import { shippedBatch } from '../../kit/shipped.ts'
import { until } from '../../kit/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-sink-secrets-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

function put(name: string, content: string): string {
  writeFileSync(join(folder, `${name}.new`), content, { mode: 0o600 })
  renameSync(join(folder, `${name}.new`), join(folder, name))
  return name
}

/** Opens a sink whose secrets follow their files at each call of `changed`. */
function openSink(entry: Readonly<Record<string, unknown>>) {
  const logged: string[] = []
  const secrets = new Secrets({ env: {}, log: (_, message) => logged.push(message) })
  const maker = new SinkMaker(secrets, () => {})
  const place = { file: undefined, line: undefined, column: undefined }
  const settings = (each: Readonly<Record<string, unknown>>) => ({
    name: 'siem',
    entry: sinkEntry.parse(each),
    folder,
    place,
  })
  const sink = maker.make(settings(entry))
  expect(maker.problems).toEqual([])
  atEnd(() => sink.close())
  const follow = (changed: Readonly<Record<string, unknown>>) => maker.follow([settings(changed)])
  return { sink, secrets, logged, follow, changed: () => secrets.reload() }
}

test('after the file of its secret changed, an HTTP sink gets the new secret, and in the same delivery the previous one if it refuses the new one', async () => {
  const receiver = await httpReceiver()
  let accepted = ['Bearer one', 'Bearer two']
  receiver.answer = ({ headers }) => ({ status: accepted.includes(String(headers['authorization'])) ? 200 : 401 })
  const entry = { type: 'http', url: receiver.url, auth: { token: { file: put('token', 'one') } } }
  const { sink, secrets, changed, follow } = openSink(entry)
  const sent = () => receiver.received.map(({ headers }) => headers['authorization'])
  await sink.send([shippedBatch(1)])

  put('token', 'two')
  changed()
  await sink.send([shippedBatch(1)])
  put('token', 'three')
  changed()
  await sink.send([shippedBatch(1)])
  expect(sent()).toEqual(['Bearer one', 'Bearer two', 'Bearer three', 'Bearer two'])
  expect(receiver.taken).toHaveLength(3)

  // The receiver learns the new secret and forgets the old one.
  accepted = ['Bearer three']
  await sink.send([shippedBatch(1)])
  expect(sent().at(-1)).toBe('Bearer three')

  accepted = ['Bearer four']
  put('other', 'four')
  follow({ ...entry, auth: { token: { file: 'other' } } })
  await sink.send([shippedBatch(1)])
  expect(sent().at(-1)).toBe('Bearer four')
  expect(secrets.list()).toMatchObject([
    { name: 'audit.sinks.siem.auth.token', source: `file ${join(folder, 'other')}`, used_by: 'audit sink siem' },
  ])
})

const [servers, first, second] = await Promise.all(
  ['servers', 'one', 'two'].map((name) => CertificateAuthority.create(name)),
)
const [server, one, two] = await Promise.all([
  servers!.issue({ names: ['localhost'] }),
  first!.issue({ names: ['gate'], use: 'clientAuth' }),
  second!.issue({ names: ['gate'], use: 'clientAuth' }),
])

const tls = () => {
  put('cert', one.cert)
  put('key', one.key)
  return { ca: put('ca', servers!.cert), cert: 'cert', key: { file: 'key' } }
}
function putPair({ cert, key }: typeof one): void {
  put('cert', cert)
  put('key', key)
}

test('after the files of its client certificate changed, an HTTP sink gets the new certificate, or the previous one if it refuses the new one', async () => {
  const issuers: string[] = []
  const receiver = createServer({ ...server, requestCert: true, rejectUnauthorized: true, ca: first!.cert })
  receiver.on('request', async (request, response) => {
    await text(request)
    issuers.push((request.socket as TLSSocket).getPeerCertificate().issuer.CN as string)
    response.writeHead(200, { connection: 'close' }).end('{}')
  })
  const port = await listen(receiver)
  atEnd(() => void receiver.close())
  const { sink, secrets, changed } = openSink({ type: 'http', url: `https://localhost:${port}`, tls: tls() })
  await sink.send([shippedBatch(1)])

  putPair(two)
  changed()
  // A receiver that closes the connection at once can hide its alert; the shipper sends the records again then.
  await until('a delivery', () =>
    sink.send([shippedBatch(1)]).then(
      () => true,
      () => false,
    ),
  )
  receiver.setSecureContext({ ...server, ca: second!.cert })
  await until('a delivery', () =>
    sink.send([shippedBatch(1)]).then(
      () => true,
      () => false,
    ),
  )

  expect([issuers[0], issuers[1], issuers.at(-1)]).toEqual(['one', 'one', 'two'])
  expect([...secrets.expiries()].map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
    'client-certificate audit.sinks.siem.tls.cert',
    'upstream-ca audit.sinks.siem.tls.ca CN=servers',
  ])
})

test('when the client certificate of a syslog sink changes, the connection stays open, and the next connection presents the new certificate, or the previous one if the sink refuses the new one', async () => {
  const issuers: string[] = []
  const sockets: TLSSocket[] = []
  const receiver = createTlsServer({ ...server, requestCert: true, rejectUnauthorized: true, ca: first!.cert })
  receiver.on('secureConnection', (socket) => {
    sockets.push(socket)
    issuers.push(socket.getPeerCertificate().issuer.CN as string)
    socket.on('error', () => {}).resume()
  })
  const port = await listen(receiver)
  atEnd(() => void receiver.close())
  const { sink, changed } = openSink({ type: 'syslog', address: `localhost:${port}`, tls: tls() })
  const send = () => sink.send([shippedBatch(1)])
  await send()
  await until('a connection', () => issuers.length === 1)

  putPair(two)
  changed()
  await send()
  expect(issuers).toEqual(['one'])
  const reconnect = async () => {
    const before = issuers.length
    sockets.at(-1)!.destroy()
    await until('a new connection', async () => {
      await send().catch(() => {})
      return issuers.length > before
    })
  }
  await reconnect()
  expect(issuers).toEqual(['one', 'one'])
  receiver.setSecureContext({ ...server, ca: second!.cert })
  await reconnect()
  expect(issuers.at(-1)).toBe('two')
})

test('an audit sink whose client certificate and key do not belong together is a settings error', () => {
  const problems = () => {
    const maker = new SinkMaker(new Secrets({ env: {}, log: () => {} }), () => {})
    const entry = sinkEntry.parse({
      type: 'http',
      url: 'https://localhost',
      tls: { cert: 'cert', key: { file: 'key' } },
    })
    maker.make({ name: 'siem', entry, folder, place: { file: undefined, line: undefined, column: undefined } })
    return maker.problems.map(({ path, message }) => `${path}: ${message}`)
  }
  put('cert', one.cert)
  put('key', two.key)

  expect(problems()).toEqual([expect.stringMatching(/tls\.key: does not match cert; name the key/)])
})

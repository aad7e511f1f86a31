import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { nginx as nginxProgram } from '../../deploy/server-program.mjs'
import { CertificateAuthority, type IssuedCertificate } from '../kit/certificate-authority.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startNode, startNodeProcess } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { RecordedSocket } from '../kit/recorded-socket.ts'
import { StartFailure } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { WebSocketService } from '../kit/websocket-service.ts'
import { nginxUpstream } from '../regression/nginx-upstream.ts'

// Mutual TLS towards services: an nginx that demands a client certificate of one authority, and services with bad
// certificates (S-086).

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-upstream-tls-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

const hourMs = 60 * 60 * 1000
const [serviceAuthority, clientAuthority] = [
  await CertificateAuthority.create('service authority'),
  await CertificateAuthority.create('client authority'),
]

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

function writePair(name: string, { cert, key }: IssuedCertificate) {
  return { certificate: write(`${name}.crt`, cert), key: { file: write(`${name}.key`, key) } }
}

/** A folder like a Kubernetes volume: the files are links through `..data`, which `swap` replaces. */
function volume(name: string) {
  const at = join(folder, name)
  mkdirSync(at)
  let version = 0
  const swap = ({ cert, key }: IssuedCertificate): void => {
    const next = `..v${version++}`
    mkdirSync(join(at, next))
    writeFileSync(join(at, next, 'tls.crt'), cert)
    writeFileSync(join(at, next, 'tls.key'), key, { mode: 0o600 })
    symlinkSync(next, join(at, '..next'))
    renameSync(join(at, '..next'), join(at, '..data'))
  }
  for (const file of ['tls.crt', 'tls.key']) symlinkSync(join('..data', file), join(at, file))
  return { swap, files: { certificate: join(at, 'tls.crt'), key: { file: join(at, 'tls.key') } } }
}

const client = (name: string) => clientAuthority.issue({ names: [name], use: 'clientAuth' })

const chat = await WebSocketService.start()
const server = await serviceAuthority.issue({ names: ['orders.internal', 'localhost'], use: 'serverAuth' })
const serverFiles = writePair('server', server)

/** Directives of an nginx with this certificate. It replies with the subject of the client certificate. */
const serving = ({ certificate, key }: typeof serverFiles, more = '') => `
  ssl_certificate ${certificate}; ssl_certificate_key ${key.file}; ${more}
  location / { return 200 "$ssl_client_s_dn $ssl_server_name $ssl_protocol"; }
  location /live/ws { proxy_pass ${chat.url}; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_set_header Host $http_host; }`
const demanding = `ssl_verify_client on; ssl_client_certificate ${write('clients.pem', clientAuthority.cert)};`

async function badUpstream(name: string, issued: IssuedCertificate): Promise<string> {
  return `https://localhost:${await nginxUpstream(nginxProgram.find(), serving(writePair(name, issued)), 'ssl')}`
}

const orders = `https://localhost:${await nginxUpstream(nginxProgram.find(), serving(serverFiles, demanding), 'ssl')}`
const long = new Date(Date.now() - 2 * hourMs)
const bad = {
  expired: await badUpstream(
    'expired',
    await serviceAuthority.issue({ names: ['localhost'], from: long, until: new Date(Date.now() - hourMs) }),
  ),
  name: await badUpstream('name', await serviceAuthority.issue({ names: ['invoices.internal'] })),
  untrusted: await badUpstream('untrusted', await clientAuthority.issue({ names: ['localhost'] })),
}

const ca = write('services.pem', serviceAuthority.cert)
const rotating = volume('rotating')
rotating.swap(await client('gate-0'))
const written = writePair('written', await client('gate-written'))

function service(id: string, upstream: string, upstream_tls: object) {
  return {
    upstreams: [upstream],
    credentials: 'none',
    upstream_tls,
    routes: [{ id, match: { path: `/${id}/**` }, require: 'public', websocket: {} }],
  }
}

const node = await startNodeProcess({
  policy: {
    version: 1,
    services: {
      orders: service('orders', orders, { ca, ...rotating.files, server_name: 'orders.internal', min_version: '1.3' }),
      live: service('live', orders, { ca, ...written }),
      without: service('without', orders, { ca }),
      expired: service('expired', bad.expired, { ca }),
      name: service('name', bad.name, { ca }),
      untrusted: service('untrusted', bad.untrusted, { ca }),
    },
  },
  // Node.js would accept every certificate by default.
  env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
})

const get = (path: string) => request(node.port, requestBytes({ target: path }))

test('if a service demands a client certificate, the gate presents its certificate, and uses the configured server name and TLS version', async () => {
  expect((await get('/orders/1')).text).toContain('CN=gate-0 orders.internal TLSv1.3')
  expect((await get('/live/1')).text).toContain('CN=gate-written localhost TLSv1.3')
})

test('the reply of a service to a request for which the gate presented no client certificate reaches the client unchanged', async () => {
  const reply = await get('/without/1')

  expect(reply.status).toBe(400)
  expect(reply.text).toContain('No required SSL certificate was sent')
})

test.each([
  ['expired', 'has expired (it is valid until'],
  ['name', '(DNS:invoices.internal) is not valid for the name of the upstream'],
  ['untrusted', 'is not trusted (UNABLE_TO_VERIFY_LEAF_SIGNATURE)'],
])(
  'S-086: a service with the certificate fault %s gets no request, the client gets 502, and the log has the cause',
  async (path, cause) => {
    const reply = await get(`/${path}/1`)

    expect(reply.status).toBe(502)
    expect(reply.json()).toMatchObject({ code: 'bad_gateway' })
    expect(reply.text).not.toMatch(/certificate|localhost/)
    expect(await node.waitForRecord(({ id }) => id === reply.field('x-request-id'))).toMatchObject({
      decision: 'failed',
      reason: 'upstream-certificate',
      fault: expect.stringContaining(cause),
    })
  },
)

test('the gate presents its client certificate for WebSockets over TLS too, and open WebSockets stay open when the certificate is rotated', async () => {
  const socket = new RecordedSocket(new WebSocket(`ws://127.0.0.1:${node.port}/live/ws`))
  await new Promise((resolve) => socket.ws.once('open', resolve))
  const echoes = async (text: string) => {
    const count = socket.messages.length
    socket.ws.send(text)
    expect((await socket.received(count + 1)).at(-1)).toBe(text)
  }
  await echoes('before')

  writePair('written', await client('gate-renewed'))
  await until('the new certificate is used', async () => (await get('/live/1')).text.includes('CN=gate-renewed'))

  await echoes('after')
  socket.ws.close(1000)
  expect(await socket.ended()).toEqual([1000, ''])
})

test('no request fails when the client certificate for a service is rotated under load, and the new certificate is used without a restart', async () => {
  let done = false
  const statuses = new Map<number, number>()
  const subjects = new Set<string>()
  const load = async (): Promise<void> => {
    while (!done) {
      const { status, text } = await get('/orders/1')
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      subjects.add(/CN=(gate-\d)/.exec(text)?.[1] ?? text)
      await sleep(10)
    }
  }
  const loads = Promise.all([load(), load(), load(), load()])
  try {
    for (const name of ['gate-1', 'gate-2', 'gate-3']) {
      rotating.swap(await client(name))
      await until(`certificate ${name} is used`, () => subjects.has(name))
    }
  } finally {
    done = true
    await loads
  }

  expect([...statuses.keys()]).toEqual([200])
  expect((await get('/orders/1')).text).toContain('CN=gate-3')
})

test('after SIGHUP with an unusable client certificate for a service, the log names the file and the service, and the certificate in use stays', async () => {
  const { text: before } = await get('/live/1')
  write('written.crt', 'not a certificate')
  node.reload()

  const line = await node.waitForLine(({ problem }) => String(problem).includes('written.crt'))
  expect(line).toMatchObject({ level: 'warn', services: ['live'] })
  expect((await get('/live/1')).text.split('\r\n\r\n')[1]).toBe(before.split('\r\n\r\n')[1])
})

test('a node with an unusable client certificate for a service does not start, and its error names the file and the reason', async () => {
  const { key } = writePair('other', await client('other'))
  const policy = { version: 1, services: { orders: service('orders', orders, { ca, ...rotating.files, key }) } }

  const failure = await startNode({ policy }).catch((error: unknown) => error)

  expect(failure).toBeInstanceOf(StartFailure)
  expect((failure as StartFailure).stderr + (failure as StartFailure).stdout).toMatch(
    /services\.orders\.upstream_tls\.key: \S+ does not match .*tls\.crt; name the private key/,
  )
})

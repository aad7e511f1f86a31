import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { certificateFor } from '../kit/certificate.ts'
import { startNode } from '../kit/node.ts'
import { RecordedSocket } from '../kit/recorded-socket.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

// WebSockets over TLS: with the certificate of the requested name, with the default certificate, and after a reload.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-websocket-tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const service = await WebSocketService.start()
const [api, other] = [
  await certificateFor(folder, 'api', ['api.example']),
  await certificateFor(folder, 'other', ['other.example']),
]
const node = await startNode({
  policy: {
    version: 1,
    services: {
      s: {
        upstreams: [service.url],
        credentials: 'none',
        routes: [{ id: 's', match: { path: '/**' }, require: 'public', websocket: {} }],
      },
    },
  },
  settings: {
    tls: { certificates: [api, other].map(({ certFile, keyFile }) => ({ cert: certFile, key: { file: keyFile } })) },
    public_url: 'https://api.example',
  },
})

function open(name: string, path: string, asked: object = {}): RecordedSocket {
  const options = { servername: name, headers: { host: name }, rejectUnauthorized: false, ...asked }
  return new RecordedSocket(new WebSocket(`wss://127.0.0.1:${node.port}${path}`, [], options))
}

async function echoes(socket: RecordedSocket, text: string): Promise<void> {
  const count = socket.messages.length
  socket.ws.send(text)
  expect((await socket.received(count + 1)).at(-1)).toBe(text)
}

const opened = (socket: RecordedSocket) => new Promise((resolve) => socket.ws.once('open', resolve))

test.each(['api.example', 'other.example'])(
  'a WebSocket over TLS with the server name %s carries messages in both directions',
  async (name) => {
    const socket = open(name, `/${name}`, { origin: `https://${name}` })
    await opened(socket)
    await echoes(socket, 'hello')
    await echoes(socket, 'x'.repeat(200_000))
    expect((await service.socketAt(`/${name}`)).request.headers['x-forwarded-proto']).toBe('https')
    socket.ws.close(1000)
    expect(await socket.ended()).toEqual([1000, ''])
  },
)

test('a WebSocket stays open when the certificates change, and new WebSockets use the new certificate', async () => {
  const before = open('api.example', '/before')
  await opened(before)
  await certificateFor(folder, 'api', ['api.example'])
  node.reload()
  await node.waitForLine(({ names }) => Array.isArray(names))

  await echoes(before, 'still here')
  const after = open('api.example', '/after')
  await opened(after)
  await echoes(after, 'hello')
  before.ws.close()
  after.ws.close()
})

// The liveness probe is served even when clients occupy many connections of the probe or admin listener (CWE-770).

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect as netConnect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type PlainHandler, PlainServer, textReply } from '../../../gateway/probes/plain-server.ts'
import { listenWorkerProbes } from '../../../workers/probes.ts'
import { listen } from '../../kit/ports.ts'
import { until } from '../../kit/until.ts'

const PER_PEER = 64
const TOTAL = 256

/** Requests to /held, to which the test server sends no reply. */
let held: IncomingMessage[] = []
const handler: PlainHandler = (request) => {
  if (request.url !== '/held') return textReply(200, request.url!)
  held.push(request)
  return new Promise(() => {})
}

const sockets: Socket[] = []
const servers: { close(): unknown }[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(servers.splice(0).map((server) => server.close()))
  held = []
})

async function start(replyMs?: number): Promise<number> {
  const address = { host: '127.0.0.1', port: 0 }
  const server = await PlainServer.listen('probes.listen', address, handler, replyMs === undefined ? {} : { replyMs })
  servers.push(server)
  return server.port
}

async function startWorker(): Promise<number> {
  const state = { started: true, ready: true, metrics: async () => '' }
  const server = await listenWorkerProbes(state, { host: '127.0.0.1', port: 0 })
  servers.push(server)
  return server.port
}

/** Opens a connection from the address 127.0.0.`peer`, and sends `text`. */
async function open(port: number, peer: number, text = ''): Promise<Socket> {
  const socket = netConnect({ host: '127.0.0.1', port, localAddress: `127.0.0.${peer}` })
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (text !== '') socket.write(text)
  return socket
}

const head = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`

/** Returns the status of a request on a new connection; 0 when the connection ends without a reply. */
async function ask(port: number, path: string, peer = 1): Promise<number> {
  const socket = netConnect({ host: '127.0.0.1', port, localAddress: `127.0.0.${peer}` })
  sockets.push(socket)
  return statusOn(socket, path)
}

async function statusOn(socket: Socket, path: string): Promise<number> {
  let text = ''
  const reply = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      text += chunk
      if (text.includes('\r\n\r\n')) resolve()
    })
    socket.on('error', () => resolve()).on('close', () => resolve())
  })
  socket.write(head(path))
  await reply
  return Number(/^HTTP\/1.1 (\d{3})/.exec(text)?.[1] ?? 0)
}

/** Opens connections of several peers concurrently. */
async function openMany(port: number, count: number, peer: (i: number) => number, text = ''): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => open(port, peer(i), text)))
}

async function hold(port: number, count: number, peer: number): Promise<void> {
  const before = held.length
  await openMany(port, count, () => peer, head('/held'))
  await until('the requests have arrived', () => held.length >= before + count)
}

test.each([
  { what: 'a node', listening: start },
  { what: 'a worker', listening: startWorker },
])(
  'while a peer has 300 idle connections to the probe listener of $what, the listener replies to this peer and to other peers',
  async (each) => {
    const port = await each.listening()
    await openMany(port, 300, () => 1)

    expect(await ask(port, '/livez', 1)).toBe(200)
    expect(await ask(port, '/livez', 2)).toBe(200)
  },
)

test('the probe listener serves /livez and /metrics to a peer while 30 other peers have 300 idle connections', async () => {
  const port = await start()
  await openMany(port, 300, (i) => 2 + (i % 30), 'GET /livez HT')

  expect(await ask(port, '/livez')).toBe(200)
  expect(await ask(port, '/metrics')).toBe(200)
})

test('when other peers open 300 idle connections, the probe listener keeps a keep-alive connection on which it has already sent a reply', async () => {
  const port = await start()
  const kept = await open(port, 1)
  expect(await statusOn(kept, '/metrics')).toBe(200)
  await openMany(port, 300, (i) => 2 + (i % 4))

  expect(kept.destroyed).toBe(false)
  expect(kept.readableEnded).toBe(false)
})

test(`the probe listener serves a peer that has ${PER_PEER} busy connections only /livez on further connections, and other peers every path`, async () => {
  const port = await start()
  await hold(port, PER_PEER, 1)

  for (let i = 0; i < 40; i++) expect(await ask(port, '/livez', 1)).toBe(200)
  expect(await ask(port, '/metrics', 1)).toBe(503)
  expect(await ask(port, '/metrics', 2)).toBe(200)
})

test(`with ${TOTAL} busy connections, the probe listener serves every peer only /livez on further connections, even when idle connections fill the reserve`, async () => {
  const port = await start()
  for (let peer = 1; peer <= TOTAL / PER_PEER; peer++) await hold(port, PER_PEER, peer)
  await openMany(port, 50, (i) => 10 + (i % 10))

  for (let i = 0; i < 20; i++) expect(await ask(port, '/livez', 9)).toBe(200)
  expect(await ask(port, '/metrics', 9)).toBe(503)
})

test('a peer with too many busy connections to the probe listener gets every path again after one of them is closed', async () => {
  const port = await start()
  await hold(port, PER_PEER, 1)
  expect(await ask(port, '/metrics', 1)).toBe(503)
  held[0]!.socket.destroy()

  await until('the peer is served', async () => (await ask(port, '/metrics', 1)) === 200)
})

test('the probe listener closes a connection with an incomplete request head, or without a byte, in less than about 8 s', async () => {
  const control = createServer({ headersTimeout: 8000, connectionsCheckingInterval: 500 }, () => {})
  const controlPort = await listen(control)
  servers.push({
    close() {
      control.closeAllConnections()
      control.close()
    },
  })
  const port = await start()
  const ended: string[] = []
  const watch = (name: string, socket: Socket) =>
    once(
      socket.on('data', () => {}),
      'close',
    ).then(() => ended.push(name))
  await Promise.all([
    watch('control', await open(controlPort, 1, 'GET /livez HT')),
    watch('half a head', await open(port, 1, 'GET /livez HT')),
    watch('no byte', await open(port, 1)),
  ])

  expect(ended.at(-1)).toBe('control')
}, 30_000)

test('the probe listener closes the connection of a client that does not read its reply within the reply time limit', async () => {
  const seen: Socket[] = []
  const body = 'x'.repeat(32 * 1024 * 1024)
  const server = await PlainServer.listen(
    'probes.listen',
    { host: '127.0.0.1', port: 0 },
    ({ socket }) => {
      seen.push(socket)
      return { ...textReply(200, ''), body }
    },
    { replyMs: 200 },
  )
  servers.push(server)
  const socket = await open(server.port, 1, head('/metrics'))
  socket.pause()

  await until('the connection is closed', () => seen[0]?.destroyed === true)
})

test('the probe listener replies 500 when a handler throws, and continues to serve', async () => {
  const server = await PlainServer.listen('probes.listen', { host: '127.0.0.1', port: 0 }, async ({ url }) => {
    if (url === '/fails') throw new Error('a fault')
    return textReply(200, '')
  })
  servers.push(server)

  expect(await ask(server.port, '/fails')).toBe(500)
  expect(await ask(server.port, '/livez')).toBe(200)
})

test('the probe listener closes a connection that pipelines requests, and handles only the first request', async () => {
  let handled = 0
  const address = { host: '127.0.0.1', port: 0 }
  const server = await PlainServer.listen('probes.listen', address, async () => {
    handled++
    return textReply(200, 'ok')
  })
  servers.push(server)
  const socket = await open(server.port, 1, head('/metrics').repeat(1000))
  // A paused socket does not report the end of the connection.
  socket.resume()
  await until('the connection is closed', () => socket.destroyed)

  expect(handled).toBe(1)
  expect(await ask(server.port, '/metrics')).toBe(200)
})

test('a keep-alive connection of the probe listener serves several requests in sequence', async () => {
  const port = await start()
  const kept = await open(port, 1)

  expect(await statusOn(kept, '/metrics')).toBe(200)
  expect(await statusOn(kept, '/metrics')).toBe(200)
  expect(await statusOn(kept, '/livez')).toBe(200)
})

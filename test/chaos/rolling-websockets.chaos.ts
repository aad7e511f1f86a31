import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { KeepAliveLoad } from '../integration/keep-alive-load.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNodeProcess } from '../kit/node.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { freePort } from '../kit/ports.ts'
import { requestBytes } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

// Four nodes share a port. One after the other is replaced, while clients exchange messages over WebSockets, reconnect
// when theirs is closed, and send again what was not acknowledged. Requests run beside them.
//
//   npm run chaos -- rolling-websockets                       500 WebSockets
//   CHAOS_SOCKETS=50 npm run chaos -- rolling-websockets

const SOCKETS = Number(process.env['CHAOS_SOCKETS'] ?? 500)
const NODES = 4
/** Time between two messages of one client, ms. */
const PAUSE_MS = 1000

const issuer = await startIssuer()
/** Numbers that the service received from each client, in order. */
const received = new Map<string, number[]>()
const service = await WebSocketService.start({ echo: false })
const listen = `127.0.0.1:${freePort()}`
const port = Number(listen.split(':')[1])
const policy = {
  version: 1,
  issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
  services: {
    live: {
      upstreams: [service.url],
      max_calls: 10_000,
      routes: [
        { id: 'live', match: { path: '/live/**' }, require: { scopes: { all: ['live'] } }, websocket: {} },
        { id: 'plain', match: { path: '/plain/**' }, require: { scopes: { all: ['live'] } } },
      ],
    },
  },
}
const token = issuer.sign({ claims: { scope: 'live' } })

let starts = 0
function start(): Promise<NodeProcess> {
  return startNodeProcess({
    policy,
    settings: {
      node: { id: `n${++starts}` },
      listen,
      reuse_port: true,
      drain_timeout: '8s',
      log: { access: false, format: 'json' },
      streams: { max_per_address: 10_000 },
    },
  })
}

/** A client that keeps one WebSocket open, and counts its messages from 1. */
class Client {
  readonly #name: string
  #ws: WebSocket | undefined
  #sent = 0
  acknowledged = 0
  reconnects = -1
  readonly codes: number[] = []
  #stopped = false

  constructor(name: string) {
    this.#name = name
    this.#connect()
  }

  #connect(): void {
    if (this.#stopped) return
    this.reconnects++
    const ws = new WebSocket(`ws://127.0.0.1:${port}/live/${this.#name}`, {
      perMessageDeflate: false,
      headers: { authorization: `Bearer ${token}` },
    })
    this.#ws = ws
    ws.on('open', () => {
      // Messages that were not acknowledged are sent again.
      for (let n = this.acknowledged + 1; n <= this.#sent; n++) ws.send(String(n))
    })
    ws.on('message', (data: Buffer) => {
      this.acknowledged = Math.max(this.acknowledged, Number(data.toString()))
    })
    ws.on('error', () => undefined)
    ws.on('close', (code) => {
      if (!this.#stopped) this.codes.push(code)
      setTimeout(() => this.#connect(), 50 + Math.random() * 200)
    })
  }

  get isOpen(): boolean {
    return this.#ws?.readyState === WebSocket.OPEN
  }

  send(): void {
    this.#sent++
    if (this.isOpen) this.#ws!.send(String(this.#sent))
  }

  get isComplete(): boolean {
    return this.acknowledged === this.#sent
  }

  stop(): void {
    this.#stopped = true
    this.#ws?.terminate()
  }
}

test(`while ${NODES} nodes are replaced, ${SOCKETS} WebSockets that reconnect lose no acknowledged message, and no request fails`, async () => {
  let served = 0
  const serving = setInterval(() => {
    for (; served < service.sockets.length; served++) {
      const { ws, request, messages } = service.sockets[served]!
      const name = request.url!
      const numbers = received.get(name) ?? []
      received.set(name, numbers)
      const take = (message: string): void => {
        numbers.push(Number(message))
        ws.send(message)
      }
      for (const message of messages) take(String(message))
      ws.on('message', (data: Buffer) => take(data.toString()))
    }
  }, 1)
  atEnd(() => clearInterval(serving))

  let nodes: NodeProcess[] = []
  for (let i = 0; i < NODES; i++) nodes.push(await start())
  const load = new KeepAliveLoad({
    port,
    connections: 20,
    pauseMs: 20,
    request: (number) => requestBytes({ target: `/plain/${number}`, token }),
    faultOf: (reply) =>
      reply.status === 200 && reply.text === 'over HTTP' ? undefined : `${reply.status} ${reply.text}`,
  })
  const clients = Array.from({ length: SOCKETS }, (_, i) => new Client(String(i)))
  await until('all WebSockets are open', () => clients.every(({ isOpen }) => isOpen), 60_000)
  let sending = true
  const senders = clients.map(async (client, i) => {
    await sleep((PAUSE_MS * i) / SOCKETS)
    while (sending) {
      client.send()
      await sleep(PAUSE_MS)
    }
  })
  const exits: (number | null)[] = []
  for (let i = 0; i < NODES; i++) {
    const [old] = nodes
    nodes = [...nodes.slice(1), await start()]
    exits.push(await old!.stop())
    await sleep(1000)
  }
  sending = false
  await Promise.all(senders)
  await until('all messages are acknowledged', () => clients.every(({ isComplete }) => isComplete), 60_000)
  const { good, failures, retried } = await load.stop()
  const codes = clients.flatMap((client) => client.codes)
  console.log({
    messages: clients.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    reconnects: clients.reduce((sum, { reconnects }) => sum + reconnects, 0),
    codes: Object.fromEntries(Object.entries(Object.groupBy(codes, String)).map(([code, all]) => [code, all?.length])),
    requests: good,
    retried,
    failures: failures.length,
  })
  expect(exits).toEqual(Array.from({ length: NODES }, () => 0))
  expect(failures).toEqual([])
  for (const [i, { acknowledged }] of clients.entries()) {
    const numbers = received.get(`/live/${i}`)!
    // Each acknowledged message arrived, the first time in order.
    const first = numbers.filter((n, at) => numbers.indexOf(n) === at)
    expect(first).toEqual(Array.from({ length: first.length }, (_, n) => n + 1))
    expect(first.length).toBeGreaterThanOrEqual(acknowledged)
  }
  expect(clients.reduce((sum, { reconnects }) => sum + reconnects, 0)).toBeGreaterThanOrEqual(SOCKETS)
  for (const client of clients) client.stop()
})

import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { residentMiB } from '../integration/data-plane-node.ts'
import { startNodeProcess } from '../kit/node.ts'
import { until } from '../kit/until.ts'
import { openSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'
import { frameBytes } from '../kit/websocket-wire.ts'
import { openRaw, RawService } from './raw-streams.ts'

// 100 clients that stop reading while their services send at full speed, and 100 services that stop reading while their
// clients send at full speed, through one node. The memory of the node is bounded, and other WebSockets are served.
//
//   npm run chaos -- slow-peers                      100 of each, for 25 s
//   CHAOS_PEERS=20 CHAOS_SECONDS=8 npm run chaos -- slow-peers

const PEERS = Number(process.env['CHAOS_PEERS'] ?? 100)
const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 25)
const MESSAGE_BYTES = 64 * 1024
/**
 * Most memory that the node may add, MiB: 256 MiB for queued messages and uploads of all clients together, and 64 MiB for
 * what one read of each kernel buffer adds before a file takes the rest.
 */
const GROWTH_MAX_MIB = 256 + 64
/** Number of other WebSockets. They exchange messages all the time. */
const OTHERS = 20

const data = Buffer.alloc(MESSAGE_BYTES, 'x')
const fromService = frameBytes({ opcode: 2, data, masked: false })
const fromClient = frameBytes({ opcode: 2, data })

const [slow, echo] = await Promise.all([RawService.start(), WebSocketService.start()])
const route = (id: string) => ({ id, match: { path: `/${id}/**` }, require: 'public', websocket: {} })
const node = await startNodeProcess({
  policy: {
    version: 1,
    services: {
      slow: { upstreams: [slow.url], credentials: 'none', routes: [route('live')] },
      echo: { upstreams: [echo.url], credentials: 'none', routes: [route('echo')] },
    },
  },
  settings: { log: { access: true, format: 'json' } },
})

/** Writes frames as fast as the peer takes them. @returns the number of bytes that the kernel took */
function flood(socket: Socket | Duplex, frame: Buffer): { bytes: number } {
  const sent = { bytes: 0 }
  const write = (): void => {
    while (socket.writable) {
      sent.bytes += frame.length
      if (!socket.write(frame)) return
    }
  }
  socket.on('drain', write)
  write()
  return sent
}

test(`with ${PEERS} clients and ${PEERS} services that stop reading their WebSockets, the memory of the node is bounded, and other WebSockets are served`, async () => {
  const others = await Promise.all(Array.from({ length: OTHERS }, (_, i) => openSocket(node.port, `/echo/${i}`)))
  const before = residentMiB(node)
  let peak = before
  const watching = setInterval(() => {
    peak = Math.max(peak, residentMiB(node))
  }, 50)
  const floods: { bytes: number }[] = []
  for (let i = 0; i < PEERS; i++) {
    const { socket } = await openRaw(node.port, 'websocket', ['Host: api.test'])
    socket.removeAllListeners('data')
    socket.pause()
    await until('the service has the WebSocket', () => slow.sockets.length === 2 * i + 1)
    floods.push(flood(slow.sockets[2 * i]!, fromService))

    const sender = await openRaw(node.port, 'websocket', ['Host: api.test'])
    await until('the service has the WebSocket', () => slow.sockets.length === 2 * i + 2)
    slow.sockets[2 * i + 1]!.pause()
    floods.push(flood(sender.socket, fromClient))
  }
  const roundTrips: number[] = []
  const endAt = performance.now() + SECONDS * 1000
  while (performance.now() < endAt) {
    await Promise.all(
      others.map(async (other) => {
        const startedAt = performance.now()
        const count = other.messages.length + 1
        const answered = new Promise((resolve) => other.ws.once('message', resolve))
        other.ws.send(`message ${count}`)
        await answered
        roundTrips.push(performance.now() - startedAt)
        expect(other.messages.at(-1)).toBe(`message ${count}`)
      }),
    )
    await sleep(50)
  }
  clearInterval(watching)
  roundTrips.sort((a, b) => a - b)
  const ended = node.accessLog().map(({ reason }) => reason)
  console.log({
    before_mib: Math.round(before),
    peak_mib: Math.round(peak),
    growth_mib: Math.round(peak - before),
    sent_mib: Math.round(floods.reduce((sum, { bytes }) => sum + bytes, 0) / 1024 ** 2),
    others_messages: roundTrips.length,
    others_p50_ms: roundTrips[Math.floor(roundTrips.length / 2)]?.toFixed(1),
    others_p99_ms: roundTrips[Math.floor(roundTrips.length * 0.99)]?.toFixed(1),
    ended: Object.fromEntries(
      [...new Set(ended)].map((reason) => [reason, ended.filter((one) => one === reason).length]),
    ),
  })
  expect(peak - before).toBeLessThan(GROWTH_MAX_MIB)
  expect(roundTrips.length).toBeGreaterThan(OTHERS)
  expect(others.filter(({ closed }) => closed !== undefined)).toEqual([])
  expect(await fetch(`http://127.0.0.1:${node.adminPort}/readyz`).then(({ status }) => status)).toBe(200)
})

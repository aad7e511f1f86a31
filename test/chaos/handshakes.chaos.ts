import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { until } from '../kit/until.ts'
import { openSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'
import { frameBytes, handshakeBytes, handshakeLines } from '../kit/websocket-wire.ts'

// Mutated WebSocket handshakes, each followed by one message. The node does not crash, and the service receives no
// message that no client sent, and none over a handshake that got no 101.
//
//   npm run chaos -- handshakes                                  50,000 handshakes
//   CHAOS_HANDSHAKES=2000 CHAOS_SEED=7 npm run chaos -- handshakes

const HANDSHAKES = Number(process.env['CHAOS_HANDSHAKES'] ?? 50_000)
const SEED = Number(process.env['CHAOS_SEED'] ?? 1)
const AT_ONCE = 64
/** Time without a reply after which a client gives up: many mutated heads are incomplete. */
const SILENCE_MS = 250

const issuer = await startIssuer()
const service = await WebSocketService.start()
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      live: {
        upstreams: [service.url],
        max_calls: 20_000,
        routes: [
          {
            id: 'live',
            match: { path: '/live/**' },
            require: { scopes: { all: ['live'] } },
            websocket: { token_in_protocol: true, subprotocols: ['chat.v2'] },
          },
        ],
      },
    },
  },
  settings: { log: { access: false, format: 'json' }, limits: { address: { per_second: 100_000, burst: 100_000 } } },
})
const token = issuer.sign({ claims: { scope: 'live' } })

let state = SEED >>> 0
/** Pseudo-random number below `below` (xorshift32). */
function random(below: number): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  state >>>= 0
  return state % below
}

const extra = [
  'Origin: http://api.test',
  'Sec-WebSocket-Protocol: chat.v2',
  `Sec-WebSocket-Protocol: gatehouse, gatehouse.bearer.${Buffer.from(token).toString('base64url')}`,
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
  'Content-Length: 0',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Connection: keep-alive',
  'Connection: close',
  'Upgrade: h2c',
  'Sec-WebSocket-Version: 8',
  'Sec-WebSocket-Key: AAAA',
  'Host: other.test',
  'Cookie: a=b',
]
const odd = ['\0', '\r', '\n', '\r\n', ' ', '\t', ':', ',', ';', '\x80', '\xff', 'A'.repeat(70_000)]

/** A handshake with up to 4 mutations of lines or bytes. */
function mutated(id: number): string {
  const lines = [...handshakeLines, `Authorization: Bearer ${token}`]
  for (let i = random(3); i > 0; i--) {
    const at = random(lines.length)
    const what = random(4)
    if (what === 0) lines.splice(at, 1)
    else if (what === 1) lines.splice(at, 0, extra[random(extra.length)]!)
    else if (what === 2) lines.push(lines[at]!)
    else lines[at] = extra[random(extra.length)]!
  }
  let text = handshakeBytes(`/live/${id}`, lines, random(20) === 0 ? 'POST' : 'GET')
  for (let i = random(2) * random(3); i > 0; i--) {
    const at = random(text.length)
    const what = random(3)
    if (what === 0) text = text.slice(0, at) + text.slice(at + 1 + random(4))
    else if (what === 1) text = text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1)
    else text = text.slice(0, at) + odd[random(odd.length)]! + text.slice(at)
  }
  return text
}

const statuses = new Map<string, number>()
/** Messages that were sent over a WebSocket that had got its 101. */
const sent = new Set<string>()

/** Sends one handshake and one message. @returns the status of the reply; `closed` or `silent` without one */
function attempt(id: number): Promise<string> {
  const handshake = Buffer.from(mutated(id), 'latin1')
  const text = `message ${id}`
  // Some clients send the message together with the handshake, which RFC 6455 §4.1 forbids.
  const early = random(4) === 0
  return new Promise((resolve) => {
    const socket = connect({ port: node.port, host: '127.0.0.1', noDelay: true })
    let seen = ''
    const finish = (status: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(status)
    }
    const timer = setTimeout(() => finish(/^HTTP\/1\.1 (\d+)/.exec(seen)?.[1] ?? 'silent'), SILENCE_MS)
    const frame = frameBytes({ opcode: 1, data: text })
    socket.write(early ? Buffer.concat([handshake, frame]) : handshake)
    socket.on('data', (data) => {
      const first = seen === ''
      seen += data.toString('latin1')
      const status = /^HTTP\/1\.1 (\d+)/.exec(seen)?.[1]
      if (first && status === '101' && !early) sent.add(text)
      if (first && !early) socket.write(frame)
      // Wait for the echo of the message, or for a reply other than 101.
      if (seen.includes(text) || (status !== undefined && status !== '101')) finish(status ?? 'closed')
    })
    socket.on('error', () => finish('closed'))
    socket.on('close', () => finish(/^HTTP\/1\.1 (\d+)/.exec(seen)?.[1] ?? 'closed'))
  })
}

test(`${HANDSHAKES} mutated WebSocket handshakes do not crash the node, and the service gets no message that no client sent`, async () => {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < HANDSHAKES) {
      const status = await attempt(next++)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      // The sockets of the service would fill the memory of this process.
      if (service.sockets.length > 2000) check(service.sockets.splice(0, 1000))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  check(service.sockets.splice(0))
  console.log({ seed: SEED, statuses: Object.fromEntries([...statuses].sort()), admitted: sent.size, received })

  const client = await openSocket(node.port, '/live/after', { token })
  client.ws.send('still here')
  expect(await client.received(1)).toEqual(['still here'])
  expect(node.log.filter(({ msg }) => msg === 'node ends because of an unexpected fault')).toEqual([])
  expect(sent.size).toBeGreaterThan(HANDSHAKES / 100)
  expect(received).toBeGreaterThan(0)
  await until('the node has no stream but the last one', async () => (await streams()) === 1)
})

let received = 0

/** Every message is one that a client sent over this WebSocket after its 101. */
function check(sockets: readonly (typeof service.sockets)[number][]): void {
  for (const { messages } of sockets) {
    for (const message of messages) {
      received++
      expect(typeof message === 'string' && sent.has(message), `the message ${JSON.stringify(message)}`).toBe(true)
    }
    expect(messages.length).toBeLessThanOrEqual(1)
  }
}

async function streams(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${node.adminPort}/metrics`)).text()
  return [...text.matchAll(/^gatehouse_streams\{[^}]*\} (\d+)$/gm)].reduce((sum, [, value]) => sum + Number(value), 0)
}

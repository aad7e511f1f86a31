import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import type { LoadFlow } from '../../../bench/overload/flow.ts'
import { FlowSender } from '../../../bench/overload/flow-sender.ts'
import { until } from '../../kit/until.ts'

const replies: Readonly<Record<string, string>> = {
  '/ok': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  '/last': 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\ncontent-length: 0\r\n\r\n',
  '/shed': 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n',
}
const asked: string[] = []
const clients = new Set<string>()
const sockets = new Set<Socket>()
/** Replies to `/ok` and `/shed`; sends the reply to `/parts` in three parts; closes the connection for `/close`. */
const server = createServer((socket) => {
  sockets.add(socket)
  clients.add(socket.remoteAddress!)
  socket.setNoDelay(true)
  socket.on('error', () => undefined)
  socket.on('data', (bytes) => {
    const path = String(bytes).split(' ')[1]!
    asked.push(path)
    if (path === '/close') socket.destroy()
    else if (path === '/parts') sendInParts(socket, ['HTTP/1.1 200 OK\r\nContent-', 'Length: 2\r\n\r\no', 'k'])
    else socket.write(replies[path] ?? '')
  })
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
afterAll(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})
const { port } = server.address() as AddressInfo

function sendInParts(socket: Socket, [part, ...others]: readonly string[]): void {
  if (part !== undefined) socket.write(part, () => setImmediate(() => sendInParts(socket, others)))
}

const flowOf = (path: string, plan: Partial<LoadFlow> = {}): LoadFlow => ({
  name: 'users',
  heads: [`GET ${path} HTTP/1.1\r\nHost: gate\r\n\r\n`],
  perSecond: [1000],
  connections: 4,
  ...plan,
})

/** Sends the requests that are due in 100 ms, all at once, and waits for their replies. */
async function sent(flow: LoadFlow) {
  const startMs = performance.now() - 100
  const sender = new FlowSender(port, flow, [startMs])
  sender.send(startMs + 100)
  await until('every request has a reply', () => sender.open === 0)
  const [step] = sender.end()
  return step!
}

test.each([
  { path: '/ok', kind: '200' },
  { path: '/parts', kind: '200' },
  { path: '/shed', kind: '503' },
  { path: '/close', kind: 'failed' },
])('the load generator counts each reply to $path as $kind', async ({ path, kind }) => {
  const { due, replies: counted, lastRefusedMs } = await sent(flowOf(path))

  expect(due).toBeGreaterThan(10)
  expect(counted).toEqual({ [kind]: due })
  expect(lastRefusedMs > 0).toBe(kind !== '200')
})

test('the load generator counts the latency from the time at which a request was due', async () => {
  const { p50Ms, p99Ms } = await sent(flowOf('/ok'))

  // All requests were sent at the end of the 100 ms.
  expect(p50Ms).toBeGreaterThan(20)
  expect(p99Ms).toBeGreaterThanOrEqual(p50Ms)
})

test('a load flow with new connections opens one connection for each request, from the given number of client addresses', async () => {
  const opened = sockets.size
  clients.clear()
  const { due } = await sent(flowOf('/ok', { isReconnecting: true, addresses: 3 }))

  expect(sockets.size - opened).toBe(due)
  expect([...clients].sort()).toEqual(['127.0.1.1', '127.0.1.2', '127.0.1.3'])
})

test('the load generator does not use a connection again after a reply with Connection: close', async () => {
  const opened = sockets.size
  const { due } = await sent(flowOf('/last'))

  expect(sockets.size - opened).toBe(due)
})

test('the load generator counts requests without a reply as failed and requests without a connection as unsent, in the step in which they were due', async () => {
  const startMs = performance.now()
  const sender = new FlowSender(port, flowOf('/silent', { perSecond: [0, 1000], connections: 2 }), [
    startMs,
    startMs + 50,
  ])
  const already = asked.length
  sender.send(startMs + 100)
  await until('both connections have sent a request', () => asked.length === already + 2)
  const [first, second] = sender.end()

  expect(first).toMatchObject({ due: 0, replies: {} })
  expect(second).toMatchObject({ replies: { failed: 2 }, unsent: second!.due - 2 })
})

test('the load generator counts a request that has waited for a connection for more than 1 s as unsent, and not as a reply', () => {
  const startMs = performance.now()
  const sender = new FlowSender(port, flowOf('/silent', { perSecond: [1000, 0] }), [startMs, startMs + 50])
  sender.send(startMs + 50)
  expect(sender.open).toBeGreaterThan(10)

  sender.send(startMs + 1051)
  const { due, unsent, replies: counted } = sender.end()[0]!
  expect(unsent).toBe(due)
  expect(counted).toEqual({})
})

test.each([
  { end: 'later', lengthMs: 60_000, isInTime: true },
  { end: 'before the replies', lengthMs: 100, isInTime: false },
])(
  'a reply belongs to the step in which it arrives, and to none after the end: a plan that ends $end',
  async ({ lengthMs, isInTime }) => {
    const startMs = performance.now() - 100
    const flow = flowOf('/ok', { perSecond: [1000, 1000] })
    const sender = new FlowSender(port, flow, [startMs, startMs + 50], startMs + lengthMs)
    sender.send(startMs + 100)
    await until('every request has a reply', () => sender.open === 0)
    const [first, second] = sender.end()

    expect(first!.due).toBeGreaterThan(10)
    expect(first!.arrived).toBe(0)
    expect(second!.arrived).toBe(isInTime ? first!.due + second!.due : 0)
  },
)

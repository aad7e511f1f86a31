import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { onlyStatus, sendAtRandomTimes } from '../../../bench/harness/arrivals.ts'

// Coordinated omission: a target that stalls delays all requests of the load generator that are due meanwhile, not only
// one.

const HOLD_MS = 400
const held: ServerResponse[] = []
let asked = 0
const server = createServer((request, response) => {
  asked += 1
  response.setHeader('content-length', 2)
  if (request.url === '/refused') response.statusCode = 429
  if (request.url === '/slow' && asked === 1) {
    held.push(response)
    setTimeout(() => response.end('ok'), HOLD_MS)
  } else response.end('ok')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
afterAll(() => server.close())
const target = { port: (server.address() as AddressInfo).port, pid: process.pid }
const options = { perSecond: 400, seconds: 0.3, authorizations: [] }

test('the load generator includes the wait for a stalled reply in the latency of the requests that were due meanwhile', async () => {
  asked = 0
  const { requests, latencyMs } = await sendAtRandomTimes(target, { ...options, connections: 1, path: '/slow' })

  expect(requests).toBe(asked)
  expect(requests).toBeGreaterThan(10)
  // The reply to the first request takes 400 ms, and the last request is due about 300 ms after the first. So every
  // request waits for about 100 ms or longer.
  expect(latencyMs.p50).toBeGreaterThan((HOLD_MS - 300) / 2)
  expect(latencyMs.max).toBeGreaterThanOrEqual(HOLD_MS - 50)
})

test('the load generator counts replies by status, and reports each reply to its callback', async () => {
  const heard: number[] = []
  const result = await sendAtRandomTimes(target, {
    ...options,
    connections: 4,
    path: '/refused',
    onReply: (status, sentMs, repliedMs) => heard.push(repliedMs >= sentMs ? status : -1),
  })

  expect(result.replies).toEqual({ 429: result.requests })
  expect(onlyStatus(result, 200)).toBe(false)
  expect(onlyStatus(result, 429)).toBe(true)
  expect(heard).toHaveLength(result.requests)
  expect(new Set(heard)).toEqual(new Set([429]))
})

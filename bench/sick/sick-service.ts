import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HEALTH_PATH, type ServiceOrder } from './service-fault.ts'

/**
 * Service of the scenario `sick-upstreams`, run as a separate process. A healthy request takes 10 ms. Faults:
 *
 * - `hangs`: accepts connections and requests, and sends no reply until the fault ends
 * - `resets`: resets the connection of each request
 * - `errors`: replies to half of the requests with 500, at once
 * - `slow`: a request takes ten times as long
 * - `overloaded`: works on one request at a time, and others wait
 */

/** Time for a healthy request: between the lowest and the highest value, ms. */
const [TIME_MIN_MS, TIME_MAX_MS] = [5, 15]
const SLOWER = 10
const ERROR_SHARE = 0.5

let order: ServiceOrder = { fault: 'none', overloadedMs: 0 }
let orderedMs = performance.now()
let calls: number[] = []
/** Replies that wait for the end of the fault `hangs`. */
const hanging: ServerResponse[] = []
/** Requests that wait during the fault `overloaded`, in the order of their arrival. */
const queue: ServerResponse[] = []
let isWorking = false

const server = createServer((request, response) => {
  if (request.url !== HEALTH_PATH) count()
  treat(request, response)
})
// Idle connections stay open: a connection that the service closes as it is used again is not the fault to measure.
server.keepAliveTimeout = 0
server.requestTimeout = 0
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send!((server.address() as AddressInfo).port),
)

process.on('message', (next: ServiceOrder) => {
  process.send!(calls)
  order = next
  orderedMs = performance.now()
  calls = []
  if (next.fault === 'hangs') return
  for (const response of hanging.splice(0)) reply(response, 200)
})
process.once('disconnect', () => process.exit(0))

function count(): void {
  const second = Math.floor((performance.now() - orderedMs) / 1000)
  while (calls.length <= second) calls.push(0)
  calls[second]!++
}

function treat(request: IncomingMessage, response: ServerResponse): void {
  const { fault } = order
  const timeMs = TIME_MIN_MS + Math.random() * (TIME_MAX_MS - TIME_MIN_MS)
  if (fault === 'hangs') hanging.push(response)
  else if (fault === 'resets') request.socket.resetAndDestroy()
  else if (fault === 'errors' && Math.random() < ERROR_SHARE) reply(response, 500)
  else if (fault === 'overloaded') {
    queue.push(response)
    workOff()
  } else setTimeout(reply, fault === 'slow' ? timeMs * SLOWER : timeMs, response, 200)
}

/** Works on the waiting requests, one after the other. At the end of the fault, replies to all of them. */
function workOff(): void {
  if (isWorking) return
  const response = queue.shift()
  if (response === undefined) return
  isWorking = true
  const done = (): void => {
    isWorking = false
    reply(response, 200)
    workOff()
  }
  setTimeout(done, order.fault === 'overloaded' ? order.overloadedMs : 0)
}

function reply(response: ServerResponse, status: number): void {
  if (response.destroyed) return
  const body = '{"service":"bench","items":[1,2,3,4,5,6,7,8,9,10]}'
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
}

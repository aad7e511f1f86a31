import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { getOrder, OrdersCall, type OrdersMethod } from '../grpc/call-orders.ts'
import { openHttp } from '../http-call.ts'
import { nodeNames, type State } from '../state.ts'
import { type CheckClient, subjectIn } from './client.ts'
import { expectEqual } from './expect.ts'
import type { CheckStep } from './step.ts'

/**
 * Number of streams of each kind that are open when their token is revoked. The kernel distributes their connections
 * over both nodes.
 */
const openAtOnce = 4
const orderFor = (token: string) => ({ 1: '1', 2: 'tea', 3: 1, 4: subjectIn(token) })

export const streamSteps: readonly CheckStep[] = [
  {
    title: 'gRPC demo.Orders over HTTP/2: status 16 without a token, 7 without the scope, else 0, in both directions',
    run: async (client, state) => {
      const reader = await client.token({ client: 'reader' })
      expectEqual('status without a token', (await getOrder(placeOf(client, state, undefined), '1')).end.status, 16)
      const { reply, end } = await getOrder(placeOf(client, state, reader), '1')
      expectEqual('order and status', [reply, end.status], [orderFor(reader), 0])
      expectEqual('status of Chat for the reader', (await openCall(client, state, 'Chat', reader).end()).status, 7)
      const writer = await client.token({ client: 'writer' })
      const chat = openCall(client, state, 'Chat', writer)
      for (const text of ['tea', 'milk']) {
        chat.send({ 1: text })
        expectEqual('message', (await chat.messages.next()).value, { 1: text, 2: subjectIn(writer) })
      }
      chat.finish()
      expectEqual('status of Chat for the writer', (await chat.end()).status, 0)
    },
  },
  {
    title:
      'a revocation at one node ends WebSockets (4401), event streams and gRPC streams (16) of both, and new requests: 401',
    run: async (client, state) => {
      const weak = await client.token({ client: 'reader', scope: 'orders:read' })
      await client.expectRefused({ target: '/stream/events', token: weak }, 403, 'insufficient_scope')
      const token = await client.token({ client: 'reader' })
      const opened = Array.from({ length: openAtOnce }, async () => ({
        socket: await openSocket(client, token),
        events: await openEvents(client, token),
        watch: await openWatch(client, state, token),
      }))
      const streams = await Promise.all(opened)
      const ops = await client.token({ client: 'ops' })
      const reply = await client.admin(1, 'revocations?wait=all', ops, { kind: 'token', token })
      const { acknowledged } = JSON.parse(reply.body.toString()) as { acknowledged: { node: string }[] }
      expectEqual('nodes that acknowledged', acknowledged.map(({ node }) => node).sort(), [...nodeNames])
      for (const { socket, events, watch } of streams) {
        expectEqual('close code of the WebSocket', await socket.ended, 4401)
        expectEqual('end of the event stream', await events.ended, 'complete reply')
        expectEqual('status of the gRPC stream', await watch.ended, 16)
        await client.expectRefused({ target: '/orders/1', token }, 401, 'invalid_token')
      }
    },
  },
]

/**
 * Stream that the demo check has opened at the gate. `ended` resolves when the stream has ended, with a text that says
 * how.
 */
interface OpenStream {
  readonly ended: Promise<unknown>
}

/** Opens `/stream/ws`, and expects its echo. `ended` is the close code. */
async function openSocket({ gate }: CheckClient, token: string): Promise<OpenStream> {
  const url = `${gate.replace('http', 'ws')}/stream/ws`
  const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` } })
  const ended = once(socket, 'close').then(([{ code }]) => code as unknown)
  socket.addEventListener('open', () => socket.send('tea'), { once: true })
  const echoed = once(socket, 'message').then(([{ data }]) => data as unknown)
  expectEqual('message sent back over the WebSocket', await Promise.race([echoed, ended]), 'tea')
  return { ended }
}

/** Opens `/stream/events`, and expects an event. `ended` is `complete reply` or `broken reply`. */
async function openEvents({ ports, requestIds }: CheckClient, token: string): Promise<OpenStream> {
  const fields = { Authorization: `Bearer ${token}` }
  const reply = await openHttp({ method: 'GET', target: '/stream/events', port: ports.gate, fields })
  requestIds.add(String(reply.headers['x-request-id']))
  reply.on('error', () => {})
  const ended = new Promise((resolve) => {
    reply.on('close', () => resolve(reply.complete ? 'complete reply' : 'broken reply'))
  })
  const first = await Promise.race([once(reply, 'data').then(String), ended])
  expectEqual('first event', first, 'id: 0\nevent: tick\ndata: {"count":0}\n\n')
  return { ended }
}

/** Opens a call of `Watch`, and expects its first message. `ended` is the gRPC status. */
async function openWatch(client: CheckClient, state: State, token: string): Promise<OpenStream> {
  const call = openCall(client, state, 'Watch', token)
  call.send({ 1: '1' })
  call.finish()
  expectEqual('first message', (await call.messages.next()).value, orderFor(token))
  return { ended: call.end().then(({ status }) => status) }
}

function openCall(client: CheckClient, state: State, method: OrdersMethod, token: string): OrdersCall {
  return new OrdersCall({ ...placeOf(client, state, token), method })
}

function placeOf({ ports }: CheckClient, state: State, token: string | undefined) {
  return { port: ports.http2, certificate: readFileSync(state.certificate, 'utf8'), token }
}

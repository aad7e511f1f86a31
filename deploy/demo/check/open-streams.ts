import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { openHttp } from '../http-call.ts'
import type { CheckClient } from './client.ts'
import { expectEqual } from './expect.ts'
import { clientFields, valuesOf } from './forwarded.ts'

const service = 'files'

/** A stream that the demo check has opened at the gate. */
export interface OpenStream {
  /** Request id of the stream. */
  readonly id: string
  /** Resolves with how the stream ended. */
  readonly ended: Promise<string>
}

const identityOf = (token: string) => ({ token, roles: [] })
const fieldsWith = (token: string) => ({ ...clientFields, Authorization: `Bearer ${token}` })

/**
 * Opens `/stream/ws`, and expects that the service sends a message back and learns who called. `ended` is the close
 * code.
 */
export async function openSocket(client: CheckClient, token: string): Promise<OpenStream> {
  const marker = randomBytes(9).toString('hex')
  const url = `${client.gate.replace('http', 'ws')}/stream/ws?check=${marker}`
  const socket = new WebSocket(url, { headers: fieldsWith(token) })
  const ended = new Promise<string>((resolve) => {
    socket.addEventListener('close', ({ code }) => resolve(`close code ${code}`), { once: true })
  })
  const echoed = new Promise<unknown>((resolve) => {
    socket.addEventListener('message', ({ data }) => resolve(data), { once: true })
  })
  socket.addEventListener('open', () => socket.send(marker), { once: true })
  expectEqual('message sent back over the WebSocket', await Promise.race([echoed, ended]), marker)
  const { headers } = await client.expectReceived('/stream/ws', marker, service, identityOf(token))
  return { id: valuesOf(headers, 'x-request-id')[0] ?? '', ended }
}

/**
 * Opens `/stream/events`, and expects an event, and that the service learns who called. `ended` is `complete reply` or
 * `broken reply`.
 */
export async function openEvents(client: CheckClient, token: string): Promise<OpenStream> {
  const marker = randomBytes(9).toString('hex')
  const target = `/stream/events?check=${marker}`
  const reply = await openHttp({ method: 'GET', target, port: client.ports.gate, fields: fieldsWith(token) })
  const ended = new Promise<string>((resolve) => {
    reply.on('error', () => resolve('broken reply'))
    reply.on('close', () => resolve(reply.complete ? 'complete reply' : 'broken reply'))
  })
  expectEqual('status of /stream/events', reply.statusCode, 200)
  const id = String(reply.headers['x-request-id'])
  client.exchanges.set(id, 200)
  const first = await Promise.race([once(reply, 'data').then(String), ended])
  expectEqual('first event', first, 'id: 0\nevent: tick\ndata: {"count":0}\n\n')
  await client.expectReceived('/stream/events', marker, service, identityOf(token))
  return { id, ended }
}

import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { readJwt } from '../jwt.ts'
import { framed, readMessages } from './grpc-messages.ts'
import { decodeFields, encodeFields, type ProtobufFields } from './protobuf.ts'

/** Pause between two messages of `Watch`, ms. */
const WATCH_PAUSE_MS = 1000

/** Status codes of gRPC (https://grpc.io/docs/guides/status-codes/) that the service uses. */
const grpcStatus = { ok: 0, invalidArgument: 3, unimplemented: 12 } as const

type Method = (
  messages: AsyncIterable<Buffer>,
  caller: string,
  stream: ServerHttp2Stream,
) => AsyncIterable<ProtobufFields>

const methods: Readonly<Record<string, Method>> = {
  '/demo.Orders/Get': get,
  '/demo.Orders/Watch': watch,
  '/demo.Orders/Chat': chat,
}

/**
 * The gRPC service `demo.Orders` (deploy/demo/orders.proto) over HTTP/2 without TLS. The service checks no tokens,
 * because the gate has already admitted every call.
 */
export function ordersService(): Http2Server {
  const server = createServer()
  // These listeners are needed: without them, an error of one connection or call would end the process.
  server.on('session', (session) => session.on('error', () => {}))
  server.on('sessionError', () => {})
  server.on('stream', (stream, head) => {
    stream.on('error', () => {})
    answerCall(stream, head).catch(() => stream.destroy())
  })
  return server
}

async function answerCall(stream: ServerHttp2Stream, head: IncomingHttpHeaders): Promise<void> {
  const method = methods[head[':path'] ?? '']
  const start = { ':status': 200, 'content-type': 'application/grpc' }
  if (method === undefined) {
    stream.respond({ ...start, ...endWith(grpcStatus.unimplemented, 'no such method') }, { endStream: true })
    return
  }
  let end = endWith(grpcStatus.ok)
  stream.respond(start, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(end))
  // Do not end the stream when the loop over the messages ends: a call with one message is answered before the end of
  // the request is read.
  const messages = readMessages(stream.iterator({ destroyOnReturn: false }))
  const replies = async function* () {
    try {
      for await (const fields of method(messages, callerOf(head), stream)) yield framed(encodeFields(fields))
    } catch (error) {
      end = endWith(grpcStatus.invalidArgument, (error as Error).message)
    }
  }
  await pipeline(Readable.from(replies()), stream)
}

/** Trailers of a call. @param message  text in printable ASCII */
function endWith(status: number, message = ''): OutgoingHttpHeaders {
  return { 'grpc-status': String(status), ...(message !== '' && { 'grpc-message': message }) }
}

/** Returns the subject in the assertion of the gate; `''` if the call has no assertion. */
function callerOf({ 'x-gatehouse-jwt-assertion': assertion }: IncomingHttpHeaders): string {
  return typeof assertion === 'string' ? String(readJwt(assertion).claims.sub) : ''
}

async function* get(messages: AsyncIterable<Buffer>, caller: string): AsyncGenerator<ProtobufFields> {
  yield order(await idOf(messages), 1, caller)
}

async function* watch(
  messages: AsyncIterable<Buffer>,
  caller: string,
  stream: ServerHttp2Stream,
): AsyncGenerator<ProtobufFields> {
  const id = await idOf(messages)
  for (let version = 1; !stream.closed; version++) {
    yield order(id, version, caller)
    await sleep(WATCH_PAUSE_MS)
  }
}

async function* chat(messages: AsyncIterable<Buffer>, caller: string): AsyncGenerator<ProtobufFields> {
  for await (const message of messages) yield { 1: decodeFields(message)[1] ?? '', 2: caller }
}

const order = (id: string, version: number, caller: string): ProtobufFields => ({
  1: id,
  2: 'tea',
  3: version,
  4: caller,
})

/** Reads the `OrderId` of a call with one message. */
async function idOf(messages: AsyncIterable<Buffer>): Promise<string> {
  for await (const message of messages) return String(decodeFields(message)[1] ?? '')
  throw new Error('the call has no message')
}

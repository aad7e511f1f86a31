import { type CallOptions, Client, credentials, Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js'
import { atEnd } from './cleanup.ts'

const bytes = (message: Buffer): Buffer => message

/** How a call of a gRPC client has ended. */
export interface GrpcEnd {
  readonly messages: readonly string[]
  readonly code: number
  readonly details: string
  /** Metadata of the head of the reply, and of its trailers. */
  readonly head: Metadata
  readonly trailers: Metadata
}

type Method = 'Get' | 'List' | 'Sum' | 'Chat'

/** A call in progress. */
export interface GrpcCall {
  readonly end: Promise<GrpcEnd>
  /** Messages that have arrived. */
  readonly messages: readonly string[]
  write(message: Buffer | string): void
  finish(): void
  cancel(): void
}

/** A client of {@link GrpcService} on @grpc/grpc-js. Each client has a separate connection. */
export class GrpcClient {
  readonly #client: Client

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    })
    atEnd(() => this.#client.close())
  }

  /**
   * Begins a call.
   *
   * @param message  the message of `Get` and `List`; `Sum` and `Chat` write theirs
   */
  call(
    method: Method,
    fields: Readonly<Record<string, string | Buffer>>,
    message = '',
    options: CallOptions = {},
  ): GrpcCall {
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
    const path = `/demo.Orders/${method}`
    const got: string[] = []
    const ended = Promise.withResolvers<GrpcEnd>()
    let head = new Metadata()
    const onReply = (_: ServiceError | null, reply?: Buffer): void => void (reply && got.push(reply.toString()))
    const request = Buffer.from(message)
    const unary = () => this.#client.makeUnaryRequest(path, bytes, bytes, request, metadata, options, onReply)
    const list = () => this.#client.makeServerStreamRequest(path, bytes, bytes, request, metadata, options)
    const sum = () => this.#client.makeClientStreamRequest(path, bytes, bytes, metadata, options, onReply)
    const chat = () => this.#client.makeBidiStreamRequest(path, bytes, bytes, metadata, options)
    const sending = method === 'Sum' ? sum() : method === 'Chat' ? chat() : undefined
    const call = sending ?? (method === 'Get' ? unary() : list())
    call.on('metadata', (received: Metadata) => {
      head = received
    })
    call.on('data', (reply: Buffer) => got.push(reply.toString()))
    call.on('error', () => undefined)
    call.on('status', ({ code, details, metadata: trailers }: StatusObject) => {
      // The messages of a stream arrive before its status, the reply to a unary call in the same turn.
      setImmediate(() => ended.resolve({ messages: got, code, details, head, trailers }))
    })
    return {
      end: ended.promise,
      messages: got,
      write: (next) => void sending?.write(Buffer.from(next)),
      finish: () => void sending?.end(),
      cancel: () => call.cancel(),
    }
  }
}

/**
 * Makes calls of every shape, some at the same time.
 *
 * @param wrong  receives a description of each wrong result
 */
export async function callMany(
  clients: readonly GrpcClient[],
  count: number,
  fields: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const wrong: string[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) {
      const i = next++
      const client = clients[i % clients.length]!
      const { code, messages } = await oneOf(client, i, fields).end
      const expected = expectedOf(i)
      if (code !== 0 || messages.join(',') !== expected) wrong.push(`call ${i}: ${code} ${messages.join(',')}`)
    }
  }
  await Promise.all(Array.from({ length: 16 }, work))
  return wrong
}

function oneOf(client: GrpcClient, i: number, fields: Readonly<Record<string, string>>): GrpcCall {
  if (i % 4 === 0) return client.call('Get', fields, `order ${i}`)
  if (i % 4 === 1) return client.call('List', fields, String(i % 10))
  const call = client.call(i % 4 === 2 ? 'Sum' : 'Chat', fields)
  for (let n = 0; n < 3; n++) call.write(`${i}.${n}`)
  call.finish()
  return call
}

function expectedOf(i: number): string {
  if (i % 4 === 0) return `order ${i}`
  if (i % 4 === 1) return Array.from({ length: i % 10 }, (_, n) => String(n)).join(',')
  if (i % 4 === 2) return `3 ${3 * `${i}.0`.length}`
  return `${i}.0,${i}.1,${i}.2`
}

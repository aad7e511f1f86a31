import { fileURLToPath } from 'node:url'
import { Client, type ClientOptions, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { atEnd } from './cleanup.ts'

const root = new protobuf.Root().loadSync(fileURLToPath(new URL('../../deploy/demo/orders.proto', import.meta.url)))

/** A message of `demo.Orders`, with the names of orders.proto. */
export type OrdersMessage = Readonly<Record<string, unknown>>

/** A streaming call of `demo.Orders`. */
export interface OrdersStream {
  readonly received: OrdersMessage[]
  /** Resolves with the gRPC status when the call has ended. */
  readonly status: Promise<number>
  send(text: string): void
  finish(): void
  cancel(): void
}

interface Encoded {
  readonly path: string
  readonly encode: (message: OrdersMessage) => Buffer
  readonly decode: (bytes: Buffer) => OrdersMessage
}

/** A client of the demo's gRPC service: grpc-js with the messages of deploy/demo/orders.proto. */
export class OrdersClient {
  readonly #client: Client

  /**
   * @param at           host and port of the server
   * @param certificate  certificate of the server in PEM, for TLS; `undefined`: HTTP/2 without TLS
   */
  constructor(at: string, certificate?: string, options: ClientOptions = {}) {
    const security =
      certificate === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(certificate))
    this.#client = new Client(at, security, options)
    atEnd(() => this.#client.close())
  }

  /** @throws {ServiceError} with the gRPC status in `code` and the metadata of the reply, for a refused call */
  get(id: string, fields: Readonly<Record<string, string>> = {}): Promise<OrdersMessage> {
    const { path, encode, decode } = method('Get', 'OrderId', 'Order')
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, reply?: OrdersMessage) => (error ? reject(error) : resolve(reply!))
      this.#client.makeUnaryRequest(path, encode, decode, { id }, metadataOf(fields), done)
    })
  }

  /** Calls `Watch` for an order. */
  watch(id: string, fields: Readonly<Record<string, string>> = {}): OrdersStream {
    const { path, encode, decode } = method('Watch', 'OrderId', 'Order')
    const call = this.#client.makeServerStreamRequest(path, encode, decode, { id }, metadataOf(fields))
    return { ...streamOf(call), send() {}, finish() {}, cancel: () => call.cancel() }
  }

  chat(fields: Readonly<Record<string, string>> = {}): OrdersStream {
    const { path, encode, decode } = method('Chat', 'Message', 'Message')
    const call = this.#client.makeBidiStreamRequest(path, encode, decode, metadataOf(fields))
    return {
      ...streamOf(call),
      send: (text) => void call.write({ text }),
      finish: () => void call.end(),
      cancel: () => call.cancel(),
    }
  }
}

interface ReplyStream {
  on(event: 'data', listener: (message: OrdersMessage) => void): unknown
  on(event: 'status', listener: (status: { readonly code: number }) => void): unknown
  on(event: 'error', listener: () => void): unknown
}

function streamOf(call: ReplyStream): Pick<OrdersStream, 'received' | 'status'> {
  const received: OrdersMessage[] = []
  call.on('data', (message) => void received.push(message))
  // Ignore the error here: the gRPC status reports it too.
  call.on('error', () => {})
  return { received, status: new Promise((resolve) => call.on('status', ({ code }) => resolve(code))) }
}

function method(name: string, input: string, output: string): Encoded {
  const [sent, replied] = [root.lookupType(`demo.${input}`), root.lookupType(`demo.${output}`)]
  return {
    path: `/demo.Orders/${name}`,
    encode: (message) => Buffer.from(sent.encode(message).finish()),
    decode: (bytes) => replied.toObject(replied.decode(bytes)),
  }
}

function metadataOf(fields: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { framed, readMessages } from './grpc-messages.ts'
import { decodeFields, encodeFields, type ProtobufFields } from './protobuf.ts'

/** Method of the gRPC service `demo.Orders`. */
export type OrdersMethod = 'Get' | 'Watch' | 'Chat'

export interface CallRequest {
  readonly port: number
  /** Certificate of the gate, in PEM. */
  readonly certificate: string
  readonly method: OrdersMethod
  /** Access token; `undefined`: the call has no token. */
  readonly token?: string | undefined
}

/** Result of a gRPC call at its end. */
export interface CallEnd {
  /** gRPC status; `undefined` when the stream ended without a status. */
  readonly status: number | undefined
  readonly message: string
  /** Request id of the gate; empty when the gate sent no reply. */
  readonly requestId: string
}

/** A gRPC call of `demo.Orders` at the gate, over its own connection. */
export class OrdersCall {
  /** Messages of the reply. The iteration ends with the call, also when the call fails. */
  readonly messages = this.#readMessages()
  readonly #session: ClientHttp2Session
  readonly #stream: ClientHttp2Stream
  readonly #closed: Promise<void>
  #end: CallEnd = { status: undefined, message: 'no reply', requestId: '' }

  constructor({ port, certificate, method, token }: CallRequest) {
    this.#session = connect(`https://127.0.0.1:${port}`, { ca: certificate })
    this.#stream = this.#session.request({
      ':method': 'POST',
      ':path': `/demo.Orders/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    })
    const read = (head: Readonly<Record<string, unknown>>) => this.#readHead(head)
    this.#stream.on('response', read).on('trailers', read)
    this.#session.on('error', (error) => this.#fail(error))
    this.#stream.on('error', (error) => this.#fail(error))
    this.#closed = new Promise((resolve) => {
      this.#stream.on('close', () => {
        this.#session.destroy()
        resolve()
      })
    })
  }

  /** Reads the gRPC status from the trailers, or from the head of a reply without messages. */
  #readHead(head: Readonly<Record<string, unknown>>): void {
    const requestId = head['x-request-id'] === undefined ? this.#end.requestId : String(head['x-request-id'])
    const status = head['grpc-status'] === undefined ? undefined : Number(head['grpc-status'])
    this.#end = { status, message: String(head['grpc-message'] ?? ''), requestId }
  }

  #fail({ message }: Error): void {
    if (this.#end.status === undefined) this.#end = { ...this.#end, message }
  }

  send(fields: ProtobufFields): void {
    this.#stream.write(framed(encodeFields(fields)))
  }

  /** Ends the request: the service receives no more messages. */
  finish(): void {
    this.#stream.end()
  }

  async *#readMessages(): AsyncGenerator<ProtobufFields> {
    try {
      for await (const message of readMessages(this.#stream.iterator({ destroyOnReturn: false })))
        yield decodeFields(message)
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  /** Reads the rest of the messages. @returns how the call ended */
  async end(): Promise<CallEnd> {
    while ((await this.messages.next()).done !== true);
    await this.#closed
    return this.#end
  }
}

/**
 * Makes a gRPC call with one message in each direction.
 *
 * @returns the reply, and the result of the call
 */
export async function getOrder(
  request: Omit<CallRequest, 'method'>,
  id: string,
): Promise<{ reply: ProtobufFields | undefined; end: CallEnd }> {
  const call = new OrdersCall({ ...request, method: 'Get' })
  call.send({ 1: id })
  call.finish()
  const { value: reply } = await call.messages.next()
  return { reply, end: await call.end() }
}

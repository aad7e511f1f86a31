import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js'
import { atEnd } from './cleanup.ts'

const bytes = (message: Buffer): Buffer => message

function method(name: string, requestStream: boolean, responseStream: boolean): ServiceDefinition[string] {
  return {
    path: `/demo.Orders/${name}`,
    requestStream,
    responseStream,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  }
}

const definition: ServiceDefinition = {
  Get: method('Get', false, false),
  List: method('List', false, true),
  Sum: method('Sum', true, false),
  Chat: method('Chat', true, true),
}

/**
 * A gRPC service on @grpc/grpc-js, `demo.Orders`, whose messages are plain bytes:
 *
 * - `Get` returns its message, with the metadata `x-echo` and `x-echo-bin` of the call as head and as trailers. The
 *   messages `fail` and `never` get NOT_FOUND with details, and no reply.
 * - `List` sends the numbers below the number in the message. A message that ends in `+` leaves the stream open.
 * - `Sum` returns the number of its messages and of their bytes.
 * - `Chat` returns each message. The message `fail` ends the call with ABORTED.
 */
export class GrpcService {
  /** Names of the calls that were cancelled, from their metadata `x-name`. */
  readonly cancelled = new Set<string>()
  readonly #server = new Server({ 'grpc.max_receive_message_length': -1 })
  port = 0

  static async start(): Promise<GrpcService> {
    const service = new GrpcService()
    const { Get, List, Sum, Chat } = { Get: service.#get, List: service.#list, Sum: service.#sum, Chat: service.#chat }
    service.#server.addService(definition, { Get, List, Sum, Chat })
    service.port = await new Promise<number>((resolve, reject) => {
      service.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
    atEnd(() => service.#server.forceShutdown())
    return service
  }

  #note(call: { readonly metadata: Metadata; on(event: 'cancelled', listener: () => void): unknown }): void {
    const [name] = call.metadata.get('x-name')
    call.on('cancelled', () => this.cancelled.add(String(name)))
  }

  readonly #get: handleUnaryCall<Buffer, Buffer> = (call, reply) => {
    this.#note(call)
    const echoed = new Metadata()
    for (const name of ['x-echo', 'x-echo-bin']) for (const value of call.metadata.get(name)) echoed.add(name, value)
    const text = call.request.subarray(0, 8).toString()
    if (text === 'never') return
    if (text === 'fail') {
      reply({ code: status.NOT_FOUND, details: 'no such order: 100 % sure, ü', metadata: echoed })
      return
    }
    call.sendMetadata(echoed)
    reply(null, call.request, echoed)
  }

  readonly #list: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    this.#note(call)
    const text = call.request.toString()
    for (let i = 0; i < Number.parseInt(text, 10); i++) call.write(Buffer.from(String(i)))
    if (!text.endsWith('+')) call.end()
  }

  readonly #sum: handleClientStreamingCall<Buffer, Buffer> = (call, reply) => {
    this.#note(call)
    let [messages, size] = [0, 0]
    call.on('data', (message: Buffer) => {
      messages++
      size += message.length
    })
    call.on('end', () => reply(null, Buffer.from(`${messages} ${size}`)))
  }

  readonly #chat: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    this.#note(call)
    call.on('data', (message: Buffer) => {
      if (message.toString() === 'fail') call.emit('error', { code: status.ABORTED, details: 'as asked' })
      else call.write(message)
    })
    call.on('end', () => call.end())
  }
}

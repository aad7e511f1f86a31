import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { atEnd } from './cleanup.ts'
import { frame, frameType, literals, type ReceivedFrame } from './http2-frames.ts'

const PREFACE_BYTES = 24
const END_STREAM = 1
const END_HEADERS = 4
const ACK = 1

/** Builds a HEADERS frame of a service: a head or trailers; the last frame of the stream unless `open`. */
export function replyHeaders(
  stream: number,
  fields: readonly (readonly [name: string, value: string])[],
  open: 'open' | undefined = undefined,
): Buffer {
  return frame(frameType.headers, END_HEADERS | (open === 'open' ? 0 : END_STREAM), stream, literals(fields))
}

type OnRequest = (write: (...frames: readonly Buffer[]) => void, stream: number) => void

/** A service that sends HTTP/2 frames byte for byte, also such that node:http2 would not send. Without TLS. */
export class FrameService {
  readonly url: string
  /** Number of connections that it has accepted. */
  connections = 0
  /** Frames of all connections that it has received. */
  readonly frames: ReceivedFrame[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /**
   * @param onRequest  called with each request head
   * @param settings   payload of the SETTINGS frame of the service
   */
  static async start(onRequest: OnRequest, settings = Buffer.alloc(0)): Promise<FrameService> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const service = new FrameService(server)
    server.on('connection', (socket) => service.#accept(socket, onRequest, settings))
    atEnd(() => service.stop())
    return service
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #accept(socket: Socket, onRequest: OnRequest, settings: Buffer): void {
    this.connections++
    this.#sockets.add(socket)
    socket.on('error', () => {})
    const write = (...frames: readonly Buffer[]) => void socket.write(Buffer.concat(frames))
    write(frame(frameType.settings, 0, 0, settings))
    let bytes = Buffer.alloc(0)
    let skipped = 0
    socket.on('data', (chunk) => {
      const preface = Math.min(PREFACE_BYTES - skipped, chunk.length)
      skipped += preface
      bytes = Buffer.concat([bytes, chunk.subarray(preface)])
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const end = 9 + bytes.readUIntBE(0, 3)
        const [type, flags, stream] = [bytes[3]!, bytes[4]!, bytes.readUInt32BE(5)]
        const payload = Buffer.from(bytes.subarray(9, end))
        bytes = bytes.subarray(end)
        this.frames.push({ type, flags, stream, payload })
        if (type === frameType.headers) onRequest(write, stream)
        else if (type === frameType.settings && flags !== ACK) write(frame(frameType.settings, ACK, 0))
        else if (type === frameType.ping && flags !== ACK) write(frame(frameType.ping, ACK, 0, payload))
      }
    })
  }
}

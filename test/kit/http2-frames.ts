import { connect, type Socket } from 'node:net'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { defaultLimitMs } from './wire.ts'

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

const END_STREAM = 1
const END_HEADERS = 4

/** A frame that the gate sent. */
export interface ReceivedFrame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** Builds a frame (RFC 9113 §4.1). */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Encodes fields with HPACK as literals without indexing, so that any byte can be sent (RFC 7541 §6.2.2). */
export function literals(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1')
    return Buffer.concat([integer(bytes.length), bytes])
  }
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]))
}

/** An integer with a prefix of 7 bits (RFC 7541 §5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value)
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

/** A request head: HEADERS with all fields, as the last frame of the stream unless `open`. */
export function headers(
  stream: number,
  fields: readonly (readonly [name: string, value: string])[],
  open: 'open' | undefined = undefined,
): Buffer {
  return frame(frameType.headers, END_HEADERS | (open === 'open' ? 0 : END_STREAM), stream, literals(fields))
}

/** Fields of a GET request. */
export const getFields = (path: string): [string, string][] => [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', path],
  [':authority', 'api.test'],
]

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

interface FrameClientOptions {
  readonly preface?: boolean
  /** Source address of the client, in 127.0.0.0/8. */
  readonly from?: string
  readonly halfOpen?: boolean
  /** False to leave PING frames of the gate unanswered. */
  readonly answersPings?: boolean
}

/** A client that sends HTTP/2 frames byte for byte, also invalid ones. */
export class FrameClient {
  readonly frames: ReceivedFrame[] = []
  readonly ended: Promise<void>
  readonly socket: Socket
  #bytes = Buffer.alloc(0)
  #isEnded = false
  readonly #answersPings: boolean
  readonly #waiting = new Set<() => void>()

  /**
   * @param preface   false to send nothing at first
   * @param halfOpen  true to keep the connection open when the gate has closed its side
   */
  constructor(
    port: number,
    { preface = true, from = '127.0.0.1', halfOpen = false, answersPings = true }: FrameClientOptions = {},
  ) {
    this.#answersPings = answersPings
    this.socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: halfOpen })
    this.socket.on('error', () => {})
    this.socket.on('data', (bytes) => this.#read(bytes))
    this.ended = new Promise((resolve) =>
      this.socket.on('close', () => {
        this.#isEnded = true
        this.#wake()
        resolve()
      }),
    )
    if (preface) this.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frameType.settings, 0, 0))
    atEnd(() => this.socket.destroy())
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  write(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts))
  }

  /** Writes, and waits until the kernel has taken the bytes or the connection has ended. */
  async send(...parts: readonly Buffer[]): Promise<void> {
    if (this.#isEnded) return
    await Promise.race([new Promise((resolve) => this.socket.write(Buffer.concat(parts), resolve)), this.ended])
  }

  /** Waits for a frame of this type, past or future. @returns `undefined` when the connection ended without it */
  async find(type: number, stream?: number): Promise<ReceivedFrame | undefined> {
    const wanted = ({ type: each, stream: of }: ReceivedFrame) => each === type && (stream ?? of) === of
    const waiting = async () => {
      for (;;) {
        const found = this.frames.find(wanted)
        if (found !== undefined || this.#isEnded) return found
        await new Promise<void>((resolve) => this.#waiting.add(resolve))
      }
    }
    return within(defaultLimitMs, `a frame of type ${type}`, waiting())
  }

  /** Error code of the first GOAWAY that is no mere announcement; `undefined` when the connection ended without one. */
  async goaway(): Promise<number | undefined> {
    const found = await this.find(frameType.goaway)
    return found?.payload.readUInt32BE(4)
  }

  #read(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    while (this.#bytes.length >= 9) {
      const length = this.#bytes.readUIntBE(0, 3)
      if (this.#bytes.length < 9 + length) break
      this.frames.push({
        type: this.#bytes[3]!,
        flags: this.#bytes[4]!,
        stream: this.#bytes.readUInt32BE(5) & 0x7fff_ffff,
        payload: Buffer.from(this.#bytes.subarray(9, 9 + length)),
      })
      this.#bytes = this.#bytes.subarray(9 + length)
      const { type, flags, payload } = this.frames.at(-1)!
      if (this.#answersPings && type === frameType.ping && flags === 0) this.write(frame(frameType.ping, 1, 0, payload))
    }
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

import { createHash, type Hash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const MIB = 1024 * 1024
const TICK_MS = 5

/** Opens a connection to a loopback port. @throws {Error} when the connection is refused */
export function open(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    socket.once('error', reject).once('connect', () => resolve(socket))
  })
}

/** Request body with a fixed sequence of bytes and no repeated block, so a lost or repeated block changes the hash. */
export class Content {
  readonly bytes: number
  readonly #block = Buffer.alloc(MIB)

  constructor(bytes: number) {
    this.bytes = bytes
    for (let at = 0; at < MIB; at += 4) this.#block.writeUInt32LE(Math.imul(at + 1, 0x9e3779b1) >>> 0, at)
  }

  /** Yields the body in blocks of 1 MiB. Yielded blocks can be modified only until the next one is requested. */
  *blocks(): Generator<Buffer> {
    for (let at = 0; at < this.bytes; at += MIB) {
      const block = Buffer.from(this.#block)
      block.writeUInt32LE(at / MIB, 0)
      yield block.subarray(0, Math.min(MIB, this.bytes - at))
    }
  }

  sha256(): string {
    const hash = createHash('sha256')
    for (const block of this.blocks()) hash.update(block)
    return hash.digest('hex')
  }
}

/** Sends a body, at most at the given rate; without `bytesPerSecond`, as fast as the connection accepts it. */
export async function send(socket: Socket, content: Content, bytesPerSecond?: number): Promise<void> {
  const startedAt = performance.now()
  let sent = 0
  for (const block of content.blocks()) {
    const room = socket.write(block)
    sent += block.length
    if (!room) await drained(socket)
    if (bytesPerSecond === undefined) continue
    const aheadMs = (sent / bytesPerSecond) * 1000 - (performance.now() - startedAt)
    if (aheadMs > TICK_MS) await sleep(aheadMs)
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('drain', done).off('close', gone)
      resolve()
    }
    const gone = (): void => {
      socket.off('drain', done)
      reject(new Error('the connection ended during the upload'))
    }
    socket.once('drain', done).once('close', gone)
  })
}

export interface Reply {
  readonly status: number
  readonly head: string
  readonly bytes: number
  readonly sha256: string
  /** Start of the reply body: at least its first 4 KiB. */
  readonly text: string
}

/**
 * Reads one reply that has a Content-Length, at most at the given rate.
 *
 * @param bytesPerSecond  maximum read rate; default: no limit
 * @throws {Error} when the connection ends before the reply is complete
 */
export async function receive(socket: Socket, bytesPerSecond?: number): Promise<Reply> {
  const startedAt = performance.now()
  const hash: Hash = createHash('sha256')
  let head = ''
  let [length, got, kept] = [-1, 0, Buffer.alloc(0)]
  for await (const piece of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    let body = piece
    if (length < 0) {
      const all = Buffer.concat([Buffer.from(head, 'latin1'), piece])
      const end = all.indexOf('\r\n\r\n')
      head = all.toString('latin1', 0, end < 0 ? all.length : end)
      if (end < 0) continue
      length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
      body = all.subarray(end + 4)
    }
    hash.update(body)
    got += body.length
    if (kept.length < 4096) kept = Buffer.concat([kept, body.subarray(0, 4096)])
    if (got >= length) break
    if (bytesPerSecond === undefined) continue
    const aheadMs = (got / bytesPerSecond) * 1000 - (performance.now() - startedAt)
    if (aheadMs > TICK_MS) await sleep(aheadMs)
  }
  if (length < 0 || got < length) throw new Error(`the reply ended after ${got} of ${length} bytes`)
  return {
    status: Number(head.slice(9, 12)),
    head,
    bytes: got,
    sha256: hash.digest('hex'),
    text: kept.toString('latin1'),
  }
}

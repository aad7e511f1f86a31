import { createHash } from 'node:crypto'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Bytes, Wire } from '../kit/wire.ts'

const tickMs = 5

/** Returns a body that depends on its size alone. No two of its parts are equal, so that reordered parts are found. */
export function madeBody(bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4))
  for (let n = 0; n < words.length; n++) words[n] = Math.imul(n + bytes, 0x9e3779b1)
  return Buffer.from(words.buffer, 0, bytes)
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

export type Framing = 'length' | 'chunked'

/** Returns the header field that announces a body of `bytes` bytes. */
export function framingFields(framing: Framing, bytes: number): string {
  return framing === 'length' ? `Content-Length: ${bytes}\r\n` : 'Transfer-Encoding: chunked\r\n'
}

/**
 * Sends a body at no more than `bytesPerSecond`, as a client on a fast network does. The default is 50 MB/s.
 * Stops when the connection ends.
 */
export async function sendPaced(
  wire: Wire,
  body: Buffer,
  framing: Framing,
  bytesPerSecond = 50_000_000,
): Promise<void> {
  const piece = Math.max(1, Math.round((bytesPerSecond * tickMs) / 1000))
  for (let at = 0; at < body.length && wire.ending === 'open'; at += piece) {
    const dueMs = performance.now() + (piece / bytesPerSecond) * 1000
    await wire.send(framed(body.subarray(at, at + piece), framing))
    // Sleeps at least once per piece, so that other code of this process can read. A late wake-up is not compensated,
    // because the rate would then be too high.
    await sleep(Math.max(0, dueMs - performance.now()))
  }
  if (framing === 'chunked') await wire.send('0\r\n\r\n')
}

export function framed(piece: Buffer, framing: Framing): Buffer {
  if (framing === 'length') return piece
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
}

/**
 * Sends `piece` again and again until a byte of the reply has arrived, at most `times` times.
 *
 * A write to a connection that the gate has reset would discard the unread reply. The gate resets a connection if it closes
 * the connection with unread bytes. So each piece is written only after the gate has read the piece before, and after this
 * process has looked for a reply.
 */
export async function sendUntilReply(wire: Wire, piece: Bytes, times: number): Promise<void> {
  for (let sent = 0; sent < times; sent++) {
    await wire.send(piece)
    let taken = false
    // While the gate waits for its service or closes the connection, it does not read the piece, and this promise does
    // not resolve.
    const wait = wire.taken().then(() => {
      taken = true
    })
    wait.catch(() => undefined)
    do {
      // Reads the socket at least once after the write, even if all timers are late.
      await turn()
      if (!(await wire.quiet(1))) return
    } while (!taken)
  }
}

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Wire } from '../kit/wire.ts'

const tickMs = 5

/** Returns a body that depends on its size alone. No two of its parts are equal, so that reordered parts are found. */
export function madeBody(bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4))
  for (let n = 0; n < words.length; n++) words[n] = Math.imul(n + bytes, 0x9e3779b1)
  return Buffer.from(words.buffer, 0, bytes)
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

export type Framing = 'length' | 'chunked'

/** The fields that announce a body of this length. */
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
    // Sleeps at least once per piece, so that other code of this process can read. A delay of a busy machine is not made
    // up for, because the rate would then be higher.
    await sleep(Math.max(0, dueMs - performance.now()))
  }
  if (framing === 'chunked') await wire.send('0\r\n\r\n')
}

export function framed(piece: Buffer, framing: Framing): Buffer {
  if (framing === 'length') return piece
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
}

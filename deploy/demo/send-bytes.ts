import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Commands } from './service-commands.ts'

/** Block of bytes that a generated body repeats, so that a receiver can verify the body. */
export const block = Buffer.from(Array.from({ length: 64 * 1024 }, (_, index) => (index * 31 + (index >> 8)) & 0xff))

/** Yields `bytes` bytes of a generated body, in pieces of at most 64 KiB. */
export function* repeatedBlock(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= block.length) yield left < block.length ? block.subarray(0, left) : block
}

/**
 * Sends a generated body of `bytes` bytes with backpressure. If `abortAfter` is lower than `bytes`, sends only
 * `abortAfter` bytes and closes the connection.
 */
export async function sendBytes(
  response: ServerResponse,
  request: IncomingMessage,
  { status, bytes, abortAfter }: Commands & { bytes: number },
): Promise<void> {
  if (status === 204) return void response.writeHead(204).end()
  response.writeHead(status, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes })
  if (status === 304 || request.method === 'HEAD') return void response.end()
  const broken = abortAfter !== undefined && abortAfter < bytes
  response.flushHeaders()
  await pipeline(Readable.from(repeatedBlock(broken ? abortAfter : bytes)), response, { end: !broken })
  if (broken) await flushThenBreak(response)
}

/**
 * Waits until all written bytes are sent, then closes the connection. Without the wait, `destroy()` would discard bytes
 * that are not sent yet.
 */
async function flushThenBreak(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => response.write('', () => resolve()))
  response.destroy()
}

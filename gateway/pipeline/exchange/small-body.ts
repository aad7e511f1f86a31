import type { Denial } from '../../base/denial.ts'
import type { Exchange } from './exchange.ts'
import { bodyTooLarge } from './size-denials.ts'

/**
 * Reads the whole body of a request to the gate itself. The usual upload timeouts apply.
 *
 * @returns the body; denial 413 for more than `maxBytes`
 * @throws {Error} as a rejection, when the client disconnects
 */
export async function readSmallBody(
  { head, downstream }: Exchange,
  maxBytes: number,
): Promise<Buffer | Denial<'body-too-large'>> {
  if ((head.contentLength ?? 0) > maxBytes) return bodyTooLarge(maxBytes, head.contentLength)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of (downstream.openBody() ?? []) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) return bodyTooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

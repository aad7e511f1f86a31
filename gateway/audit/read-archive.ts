import { readSealLine } from './batch.ts'
import type { Verification } from './verification.ts'

const LINE_FEED = 10
/**
 * Maximum size of the audit records of one batch, and of one line of an archive, bytes. Gatehouse writes no larger
 * batch or line.
 */
const HELD_MAX_BYTES = 64 * 1024 * 1024

/**
 * Reads an audit archive and passes its batches to a verification. The archive contains either record lines, each batch
 * followed by its seal line, or lines that each contain a whole batch with its seal.
 *
 * @param name  name of the file, for messages
 */
export async function readArchive(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  verification: Verification,
): Promise<void> {
  let held: Buffer[] = []
  let heldBytes = 0
  let number = 0
  for await (const { line, whole } of linesOf(chunks)) {
    const place = `${name}:${++number}`
    if (!whole) {
      verification.stray('the last line is incomplete', place)
      break
    }
    const read = readSealLine(line.toString('latin1', 0, 8) === '{"seal":' ? line.toString() : '')
    if (read === undefined) {
      held.push(line)
      heldBytes += line.length
      if (heldBytes <= HELD_MAX_BYTES) continue
      verification.stray('more than 64 MiB of records without a seal', place)
    } else if (read.packed === undefined) {
      verification.lines(read.seal, Buffer.concat(held), place)
    } else {
      if (held.length > 0) verification.stray(`${held.length} records without a seal`, place)
      verification.batch({ seal: read.seal, packed: read.packed }, place)
    }
    held = []
    heldBytes = 0
  }
  if (held.length > 0) verification.stray(`${held.length} records without a seal at the end`, name)
}

/**
 * Yields the lines of an audit file, each with its line feed. `whole` is false for a last line without a line feed, and
 * for a line above `HELD_MAX_BYTES`, of which only the beginning is yielded.
 */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<{ line: Buffer; whole: boolean }> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      yield { line: Buffer.concat([...rest, chunk.subarray(from, at + 1)]), whole: true }
      rest = []
      restBytes = 0
      from = at + 1
    }
    if (restBytes > HELD_MAX_BYTES) continue
    rest.push(Buffer.from(chunk.subarray(from)))
    restBytes += chunk.length - from
  }
  if (restBytes > 0) yield { line: Buffer.concat(rest), whole: false }
}

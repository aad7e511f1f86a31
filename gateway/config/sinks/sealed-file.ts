import type { FileHandle } from 'node:fs/promises'

const LF = 0x0a
/**
 * Length of the part at the end of an audit file that is searched for the last seal, bytes. A batch with its seal is
 * smaller.
 */
const TAIL_MAX_BYTES = 8 * 1024 * 1024
const STEP_BYTES = 256 * 1024

/** First characters of every audit record. */
const HEAD = '{"id":"'

/**
 * Finds the end of the last complete batch in an audit file, which is the end of its seal line. A killed process or a
 * full disk can leave a partial line or unsealed records after the seal. These records did not count as shipped and
 * will be sent again.
 *
 * @param isSealLine  whether a line is a valid seal
 * @returns number of bytes of the file to keep
 * @throws {Error} when the file does not contain audit records, so that it is not a file of this sink
 */
export async function endOfSealedFile(
  file: FileHandle,
  size: number,
  isSealLine: (line: string) => boolean,
): Promise<number> {
  let tail: Buffer = Buffer.alloc(0)
  let start = size
  while (start > 0 && size - start < TAIL_MAX_BYTES) {
    const length = Math.min(STEP_BYTES, start)
    start -= length
    const step = Buffer.alloc(length)
    await file.read(step, 0, length, start)
    tail = Buffer.concat([step, tail])
    // Skip the text of the audit file before the first line feed, unless the file begins here: it can be the end of a
    // line whose start was not read yet.
    const known = start === 0 ? 0 : tail.indexOf(LF) + 1
    if (start > 0 && known === 0) continue
    const end = endOfLastSeal(tail, known, isSealLine)
    if (end !== undefined) return start + end
  }
  if (start === 0 && HEAD.startsWith(tail.subarray(0, HEAD.length).toString())) return 0
  throw new Error(
    'the file contains data that are no sealed audit records, and is left unchanged; set another path for the sink',
  )
}

/**
 * Finds the last seal line in the last part of an audit file.
 *
 * @returns offset after the last seal line that begins at or after offset `from`; `undefined` when there is no such
 *   line
 */
function endOfLastSeal(tail: Buffer, from: number, isSealLine: (line: string) => boolean): number | undefined {
  let end = tail.lastIndexOf(LF)
  while (end >= from && end >= 0) {
    const start = end === 0 ? 0 : tail.lastIndexOf(LF, end - 1) + 1
    if (start < from) return undefined
    const line = tail.subarray(start, end)
    if (line.subarray(0, 8).toString() === '{"seal":' && isSealLine(line.toString())) return end + 1
    end = start - 1
  }
  return undefined
}

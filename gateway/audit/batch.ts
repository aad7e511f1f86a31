import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { AuditRecord } from './record.ts'
import { matchesSeal, readSeal, type Seal } from './seal.ts'

/** Audit records of one node that were sealed together, in order. */
export interface Batch {
  readonly seal: Seal
  /** Lines of the audit records, each with its line feed, compressed with zstd. */
  readonly packed: Buffer
  /**
   * Number of bytes of `packed` that belong to records without priority. Not set for a batch of an earlier run of the
   * node.
   */
  readonly commonBytes?: number
}

/** Names of the two fields of an entry of the audit stream in Redis. */
const SEAL = 'seal'
const LINES = 'lines'

/**
 * Maximum size of an unpacked batch, bytes. A batch has at most 500 records of a few KiB; Gatehouse writes no larger
 * batch.
 */
const UNPACKED_MAX_BYTES = 32 * 1024 * 1024
/** Maximum size of a seal's JSON, bytes. The seal of a batch with 500 records takes less than 4 KiB. */
const SEAL_MAX_BYTES = 64 * 1024
/** Estimated memory of one batch in addition to its compressed lines and the CRC-32 sums in its seal, bytes. */
const BESIDE_BYTES = 512

/** Compression parameters: zstd level 1 takes about 0.5 µs a record and compresses to a seventh of the size. */
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/**
 * Compresses the lines of a batch. The result is a copy: zlib returns a part of a buffer of 64 KiB, which a waiting batch
 * of few records would keep in memory, while only the compressed bytes count towards `audit.memory`.
 */
export function packLines(lines: Uint8Array): Buffer {
  const compressed = zstdCompressSync(lines, level)
  const packed = Buffer.allocUnsafeSlow(compressed.length)
  compressed.copy(packed)
  return packed
}

/**
 * Unpacks the lines of a batch.
 *
 * @returns the unpacked lines; `undefined` when the data is not zstd or unpacks to more than `UNPACKED_MAX_BYTES`
 */
export function unpackLines(packed: Uint8Array): Buffer | undefined {
  try {
    return zstdDecompressSync(packed, { maxOutputLength: UNPACKED_MAX_BYTES })
  } catch {
    return undefined
  }
}

/** Returns field names and values of the Redis stream entry for an audit batch, in the order that XADD expects. */
export function streamFields({ seal, packed }: Batch): [string, string, string, Buffer] {
  return [SEAL, JSON.stringify(seal), LINES, packed]
}

/**
 * Parses an entry of the audit stream in Redis. The entry is untrusted: anyone with access to Redis may have written
 * it.
 *
 * @param fields  names and values of the fields, alternating, as bytes
 * @returns the batch, or a text that describes the error
 */
export function readStreamFields(fields: readonly Buffer[]): Batch | string {
  const [sealName, sealBytes, linesName, packed] = fields
  if (fields.length !== 4 || sealName!.toString() !== SEAL || linesName!.toString() !== LINES) {
    return 'has other fields than a batch'
  }
  if (sealBytes!.length > SEAL_MAX_BYTES) return 'has an oversized seal'
  const seal = readSeal(parseJson(sealBytes!.toString()))
  return seal === undefined ? 'has no valid seal of this version' : { seal, packed: packed! }
}

/** Whether the seal of an audit batch was made for exactly the lines of the batch. */
export function batchIsWhole({ seal, packed }: Batch): boolean {
  const lines = unpackLines(packed)
  return lines !== undefined && matchesSeal(seal, lines)
}

/** One audit record of a batch: the line as written, without the line feed, and the parsed record. */
export interface BatchLine {
  readonly line: string
  readonly record: AuditRecord
}

/**
 * Parses the audit records of a batch, in order.
 *
 * @returns the records, or a text that describes the error when the batch cannot be unpacked or a line is not a record
 */
export function recordsOf({ packed }: Batch): readonly BatchLine[] | string {
  const lines = unpackLines(packed)
  if (lines === undefined) return 'cannot be decompressed'
  const read: BatchLine[] = []
  for (const line of lines.toString().split('\n').slice(0, -1)) {
    const record = readRecord(line)
    if (record === undefined) return 'has a line that is not an audit record'
    read.push({ line, record })
  }
  return read
}

/**
 * Parses the line of an audit record.
 *
 * @returns the parsed record; `undefined` when the line is not an audit record
 */
export function readRecord(line: string): AuditRecord | undefined {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null) return undefined
  const { id, time, kind } = value as Record<string, unknown>
  return typeof id === 'string' && typeof time === 'string' && typeof kind === 'string'
    ? (value as AuditRecord)
    : undefined
}

/**
 * Builds the line `{"seal":{…}}` that follows the lines of a batch in a file. With these seal lines the file can be
 * verified without Redis. The seal covers all lines since the previous seal line. Verification fails for a file in
 * which a record was removed or moved.
 */
export function sealLine(seal: Seal): string {
  return JSON.stringify({ seal })
}

/** Builds one line that contains a whole batch, as in the spill file: `{"seal":{…},"zstd":"…"}`. */
export function packedLine({ seal, packed }: Batch): string {
  return JSON.stringify({ seal, zstd: packed.toString('base64') })
}

/**
 * Parses a line of an audit file that contains a seal, or a seal with its whole batch.
 *
 * @returns the seal, and `packed` only when the line itself contains the records; `undefined` for any other line
 */
export function readSealLine(line: string): { readonly seal: Seal; readonly packed?: Buffer } | undefined {
  if (!line.startsWith('{"seal":')) return undefined
  const value = parseJson(line) as { seal?: unknown; zstd?: unknown } | undefined
  const seal = readSeal(value?.seal)
  if (seal === undefined) return undefined
  return typeof value?.zstd === 'string' ? { seal, packed: Buffer.from(value.zstd, 'base64') } : { seal }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Estimates the memory that an audit batch takes, in bytes. */
export function sizeOf({ seal, packed }: Batch): number {
  return packed.length + seal.sums.length + BESIDE_BYTES
}

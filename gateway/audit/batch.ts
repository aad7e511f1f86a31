import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { AuditRecord } from './record.ts'
import { matchesSeal, readSeal, type Seal } from './seal.ts'

/** Records of one node that were sealed together, in order. */
export interface Batch {
  readonly seal: Seal
  /** Lines of the records, each with its line feed, compressed with zstd. */
  readonly packed: Buffer
  /** Share of `packed` that belongs to records without priority, bytes. Set only for a batch sealed in this run. */
  readonly commonBytes?: number
}

/** Names of the two fields of a stream entry. */
const SEAL = 'seal'
const LINES = 'lines'

/**
 * Limit of an unpacked batch. A batch holds at most 500 records of a few KiB; a larger one was not written by
 * Gatehouse.
 */
const UNPACKED_MAX_BYTES = 32 * 1024 * 1024
/** Limit of a seal's JSON. The seal of a batch with the most records takes less than 4 KiB. */
const SEAL_MAX_BYTES = 64 * 1024
/** Estimated memory of the other seal fields and of the objects of one batch, bytes. */
const BESIDE_BYTES = 512

/** zstd level 1 takes about 0.5 µs a record and already compresses to a seventh of the size. */
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export function packLines(lines: Uint8Array): Buffer {
  return zstdCompressSync(lines, level)
}

/** @returns `undefined` when the data is not zstd or unpacks to more than the limit */
export function unpackLines(packed: Uint8Array): Buffer | undefined {
  try {
    return zstdDecompressSync(packed, { maxOutputLength: UNPACKED_MAX_BYTES })
  } catch {
    return undefined
  }
}

/** Returns field names and values of the stream entry, in the order that XADD expects. */
export function streamFields({ seal, packed }: Batch): [string, string, string, Buffer] {
  return [SEAL, JSON.stringify(seal), LINES, packed]
}

/**
 * Parses a stream entry. The entry is untrusted: anyone with access to Redis may have written it.
 *
 * @param fields  names and values alternating, as bytes
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

/** Whether the lines of the batch match its seal. */
export function batchIsWhole({ seal, packed }: Batch): boolean {
  const lines = unpackLines(packed)
  return lines !== undefined && matchesSeal(seal, lines)
}

/** One record of a batch: its line as written, without the line feed, and the parsed record. */
export interface BatchLine {
  readonly line: string
  readonly record: AuditRecord
}

/**
 * Parses the records of a batch, in order.
 *
 * @returns a text that describes the error when the batch cannot be unpacked or a line is not a record
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

/** @returns `undefined` when the line is not a record */
export function readRecord(line: string): AuditRecord | undefined {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null) return undefined
  const { id, time, kind } = value as Record<string, unknown>
  return typeof id === 'string' && typeof time === 'string' && typeof kind === 'string'
    ? (value as AuditRecord)
    : undefined
}

/**
 * Builds the line `{"seal":{…}}` that follows the lines of a batch in a file. With these lines the file can be verified
 * without Redis. The seal covers all lines since the previous seal. Verification fails for a file in which a record was
 * removed or moved.
 */
export function sealLine(seal: Seal): string {
  return JSON.stringify({ seal })
}

/** Builds one line that holds a whole batch, as in the spill file: `{"seal":{…},"zstd":"…"}`. */
export function packedLine({ seal, packed }: Batch): string {
  return JSON.stringify({ seal, zstd: packed.toString('base64') })
}

/**
 * Parses a seal line or a packed line.
 *
 * @returns the seal, and `packed` only when the line holds the records itself; `undefined` for any other line
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

/** Estimates the memory of a waiting batch, in bytes. */
export function sizeOf({ seal, packed }: Batch): number {
  return packed.length + seal.sums.length + BESIDE_BYTES
}

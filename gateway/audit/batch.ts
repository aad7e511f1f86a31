import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { AuditRecord } from './record.ts'
import { holds, readSeal, type Seal } from './seal.ts'

/** Records of one node that were handed over together, in order. */
export interface Batch {
  readonly seal: Seal
  /** Their lines, each with its line feed, in zstd. */
  readonly packed: Buffer
  /** Part of `packed` that records without priority take, bytes; only of a batch that was sealed in this run. */
  readonly commonBytes?: number
}

/** Names of the two fields that an entry of the stream has. */
const SEAL = 'seal'
const LINES = 'lines'

/** A batch holds 500 records of at most some KiB; beyond this it is none of ours, however small it was packed. */
const UNPACKED_MAX_BYTES = 32 * 1024 * 1024
/** A batch of the most records has a seal of less than 4 KiB. */
const SEAL_MAX_BYTES = 64 * 1024
/** The rest of a seal, and what holds both. */
const BESIDE_BYTES = 512

/** Level 1: half a microsecond a record, and already a seventh of its size. */
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export function packLines(lines: Uint8Array): Buffer {
  return zstdCompressSync(lines, level)
}

/** @returns `undefined` when it is no zstd, or would be too much */
export function unpackLines(packed: Uint8Array): Buffer | undefined {
  try {
    return zstdDecompressSync(packed, { maxOutputLength: UNPACKED_MAX_BYTES })
  } catch {
    return undefined
  }
}

/** Field names and values of the entry, as XADD takes them. */
export function streamFields({ seal, packed }: Batch): [string, string, string, Buffer] {
  return [SEAL, JSON.stringify(seal), LINES, packed]
}

/**
 * Reads an entry that anybody with access to Redis may have written.
 *
 * @param fields  names and values in turn, as bytes
 * @returns the batch, or what is wrong with it
 */
export function readStreamFields(fields: readonly Buffer[]): Batch | string {
  const [sealName, sealBytes, linesName, packed] = fields
  if (fields.length !== 4 || sealName!.toString() !== SEAL || linesName!.toString() !== LINES) {
    return 'does not have the fields of a batch'
  }
  if (sealBytes!.length > SEAL_MAX_BYTES) return 'has a seal that is too large'
  const seal = readSeal(parseJson(sealBytes!.toString()))
  return seal === undefined ? 'has no seal of this version' : { seal, packed: packed! }
}

/** Whether it is the very batch that was sealed. */
export function batchIsWhole({ seal, packed }: Batch): boolean {
  const lines = unpackLines(packed)
  return lines !== undefined && holds(seal, lines)
}

/** One record of a batch: the line as it was written, without its line feed, and what it says. */
export interface BatchLine {
  readonly line: string
  readonly record: AuditRecord
}

/**
 * The records of a batch, in order.
 *
 * @returns what is wrong, where it cannot be unpacked or a line is no record
 */
export function recordsOf({ packed }: Batch): readonly BatchLine[] | string {
  const lines = unpackLines(packed)
  if (lines === undefined) return 'cannot be unpacked'
  const read: BatchLine[] = []
  for (const line of lines.toString().split('\n').slice(0, -1)) {
    const record = readRecord(line)
    if (record === undefined) return 'has a line that is no record'
    read.push({ line, record })
  }
  return read
}

/** @returns `undefined` for a line that is no record */
export function readRecord(line: string): AuditRecord | undefined {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null) return undefined
  const { id, time, kind } = value as Record<string, unknown>
  return typeof id === 'string' && typeof time === 'string' && typeof kind === 'string'
    ? (value as AuditRecord)
    : undefined
}

/**
 * What follows the lines of a batch in a file, so that the file can be verified without Redis: `{"seal":{…}}`. It
 * vouches for the lines since the seal before it: a file in which a record is left out, or stands elsewhere, does not
 * verify.
 */
export function sealLine(seal: Seal): string {
  return JSON.stringify({ seal })
}

/** A whole batch on one line, as the spill file has it: `{"seal":{…},"zstd":"…"}`. */
export function packedLine({ seal, packed }: Batch): string {
  return JSON.stringify({ seal, zstd: packed.toString('base64') })
}

/**
 * Reads a line of either kind.
 *
 * @returns `packed` only where the line has the records itself; `undefined`: it is neither
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

/** Memory that a batch takes while it waits, bytes. */
export function sizeOf({ seal, packed }: Batch): number {
  return packed.length + seal.sums.length + BESIDE_BYTES
}

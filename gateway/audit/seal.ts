import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

/** Key for the HMAC of the seals of audit batches. Without this key, no seal can be made that passes verification. */
export interface AuditKey {
  readonly id: string
  /** Audit key, with which seals are authenticated (HMAC): 32 random bytes. */
  readonly secret: Uint8Array
}

/** Value of `previous` (hash of the previous batch) in the first batch of an audit chain. */
export const chainStart = '0'.repeat(64)

const number = z.int().min(1).max(1e15)
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const name = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/)

const sealForm = z.strictObject({
  /** Version of the seal format. */
  v: z.literal(1),
  chain: name,
  /** Number of the first audit record in the batch; `last` is the number of the last record. */
  first: number,
  last: number,
  /** Hash of the previous batch in the audit chain; `chainStart` for the first batch. */
  previous: hash,
  /** Number of audit records lost between the previous batch and this batch. Lost records are not numbered. */
  lost: z.int().min(0),
  /**
   * Newest batch in the log, of any chain, that the node knew when it sealed this batch. If someone removes that batch
   * from the log, the verification reports its removal.
   */
  seen: z.strictObject({ chain: name, last: number, hash }).optional(),
  /** Base64 of 4 bytes per audit record: the CRC-32 of its line. The CRC-32 identifies which record was altered. */
  sums: z.base64(),
  hash,
  /** Id of the key with which `mac` was made. */
  key: name.optional(),
  /** HMAC-SHA-256 of `hash`, made with the audit key of the node. */
  mac: hash.optional(),
})

/** Seal of one batch of audit records: protects the records and links the batch to the previous batch. */
export type Seal = z.output<typeof sealForm>

/** A batch that the node has seen in the audit log. */
export type Witnessed = Pick<Seal, 'chain' | 'last' | 'hash'>

/** Fields of a seal of an audit batch before its hash and HMAC are computed. */
export type SealDraft = Omit<Seal, 'v' | 'hash' | 'key' | 'mac'>

/**
 * Computes the seal of a batch of audit records.
 *
 * @param lines  lines of the batch's records, each with its line feed
 * @param key  key for the HMAC; without a key, the chain shows gaps but does not prove who wrote the records
 */
export function seal(draft: SealDraft, lines: Uint8Array, key: AuditKey | undefined): Seal {
  const hash = hashOf(draft, lines)
  if (key === undefined) return { v: 1, ...draft, hash }
  return { v: 1, ...draft, hash, key: key.id, mac: macOf(hash, key) }
}

/** Whether these audit lines equal the sealed lines, byte for byte. */
export function matchesSeal(seal: Seal, lines: Uint8Array): boolean {
  return hashOf(seal, lines) === seal.hash
}

/** Whether the HMAC of an audit seal was made with this key. */
export function isMadeWith({ hash, mac }: Seal, key: AuditKey): boolean {
  return mac !== undefined && timingSafeEqual(Buffer.from(macOf(hash, key), 'hex'), Buffer.from(mac, 'hex'))
}

/**
 * Parses the seal of a batch of audit records.
 *
 * @returns the parsed seal; `undefined` when the value is not a seal
 */
export function readSeal(value: unknown): Seal | undefined {
  const { data } = sealForm.safeParse(value)
  return data === undefined || data.last < data.first ? undefined : data
}

function hashOf({ chain, first, last, previous, lost, seen, sums }: SealDraft, lines: Uint8Array): string {
  const witness = seen === undefined ? '' : witnessText(seen)
  return createHash('sha256')
    .update(`gatehouse audit 1\n${chain}\n${first} ${last}\n${previous}\n${lost}\n${witness}\n${sums}\n`)
    .update(lines)
    .digest('hex')
}

export function witnessText({ chain, last, hash }: Witnessed): string {
  return `${chain} ${last} ${hash}`
}

/**
 * Parses a text that names a batch of the audit log.
 *
 * @returns the parsed batch reference; `undefined` when the text is not a reference in the form of `witnessText`
 */
export function readWitnessed(text: string): Witnessed | undefined {
  const [, chain, last, hash] = /^([A-Za-z0-9._-]{1,128}) ([1-9][0-9]{0,14}) ([0-9a-f]{64})$/.exec(text) ?? []
  return hash === undefined ? undefined : { chain: chain!, last: Number(last), hash }
}

function macOf(hash: string, { secret }: AuditKey): string {
  return createHmac('sha256', secret).update(`gatehouse audit 1\n${hash}`).digest('hex')
}

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

/** A key of checkpoints: whoever has not got it cannot make a seal that passes. */
export interface AuditKey {
  readonly id: string
  /** 32 random bytes. */
  readonly secret: Uint8Array
}

/** `previous` of the first batch of a chain. */
export const chainStart = '0'.repeat(64)

const number = z.int().min(1).max(1e15)
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const name = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/)

const sealForm = z.strictObject({
  /** Of this form. */
  v: z.literal(1),
  chain: name,
  /** Numbers of its first and last record. */
  first: number,
  last: number,
  /** Hash of the batch before it in the chain; `chainStart` for none. */
  previous: hash,
  /** Records that found no room between the batch before and this one: they have no number. */
  lost: z.int().min(0),
  /** Newest batch of any chain that the node had seen in the log: that one cannot be cut off unnoticed. */
  seen: z.strictObject({ chain: name, last: number, hash }).optional(),
  /** Base64 of 4 bytes for each record, the CRC-32 of its line: which one it is that was altered. */
  sums: z.base64(),
  hash,
  /** Id of the key of `mac`. */
  key: name.optional(),
  /** HMAC-SHA-256 of `hash`. */
  mac: hash.optional(),
})

/** What one batch of records is held together and to the batch before it by. */
export type Seal = z.output<typeof sealForm>

/** A batch that somebody has seen in the log. */
export type Witnessed = Pick<Seal, 'chain' | 'last' | 'hash'>

/** A seal before it is one. */
export type SealDraft = Omit<Seal, 'v' | 'hash' | 'key' | 'mac'>

/**
 * @param lines  of the records of the batch, each with its line feed
 * @param key  `undefined`: the chain shows gaps, and not who wrote it
 */
export function seal(draft: SealDraft, lines: Uint8Array, key: AuditKey | undefined): Seal {
  const hash = hashOf(draft, lines)
  if (key === undefined) return { v: 1, ...draft, hash }
  return { v: 1, ...draft, hash, key: key.id, mac: macOf(hash, key) }
}

/** Whether these lines are, byte for byte, those that were sealed. */
export function holds(seal: Seal, lines: Uint8Array): boolean {
  return hashOf(seal, lines) === seal.hash
}

/** Whether somebody with the key made the seal. */
export function isMadeWith({ hash, mac }: Seal, key: AuditKey): boolean {
  return mac !== undefined && timingSafeEqual(Buffer.from(macOf(hash, key), 'hex'), Buffer.from(mac, 'hex'))
}

/** @returns `undefined` for what is no seal */
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

/** @returns `undefined` for what is none */
export function readWitnessed(text: string): Witnessed | undefined {
  const [, chain, last, hash] = /^([A-Za-z0-9._-]{1,128}) ([1-9][0-9]{0,14}) ([0-9a-f]{64})$/.exec(text) ?? []
  return hash === undefined ? undefined : { chain: chain!, last: Number(last), hash }
}

function macOf(hash: string, { secret }: AuditKey): string {
  return createHmac('sha256', secret).update(`gatehouse audit 1\n${hash}`).digest('hex')
}

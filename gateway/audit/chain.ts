import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Batch, packLines } from './batch.ts'
import { type AuditKey, chainStart, seal, type Witnessed } from './seal.ts'

/**
 * Initial size of the buffer of audit records that wait to be sealed, bytes: enough for a typical batch. The buffer
 * grows for longer records.
 */
const BUFFER_BYTES = 1024 * 1024
/** Maximum number of bytes that one UTF-16 unit takes in UTF-8. */
const UNIT_MAX_BYTES = 3
const LINE_FEED = 10

/**
 * Audit records of one run of a node, numbered without gaps and sealed in batches. Each seal contains the hash of the
 * previous batch.
 */
export class Chain {
  readonly id: string
  #key: AuditKey | undefined
  readonly #idPrefix: string
  /**
   * Buffer of the audit record lines that wait to be sealed. Lines are encoded directly into the buffer: building one
   * long string first would copy the text two more times.
   */
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  #bytes = 0
  /**
   * CRC-32 of the line of each audit record that waits to be sealed.
   *
   * @bound records of 1 MiB of memory | further records are lost and counted | gatehouse_audit_lost_records_total
   */
  #sums: number[] = []
  /**
   * Offset of the end of the line of each audit record in the buffer, bytes.
   *
   * @bound records of 1 MiB of memory | further records are lost and counted | gatehouse_audit_lost_records_total
   */
  #ends: number[] = []
  /**
   * For each audit record that waits to be sealed, whether the record has priority.
   *
   * @bound records of 1 MiB of memory | further records are lost and counted | gatehouse_audit_lost_records_total
   */
  #priorities: boolean[] = []
  /** Number of audit records without priority that wait to be sealed. */
  #commonRecords = 0
  /** Number of bytes in the buffer that belong to audit records without priority. */
  #commonBytes = 0
  /** Number of the newest audit record in the chain; 0 before the first record. */
  #last = 0
  #previous = chainStart
  #lost = 0
  #seen: Witnessed | undefined

  /** @param key key for the HMAC of the seals; `undefined` makes seals without an HMAC */
  constructor(node: string, key: AuditKey | undefined) {
    this.id = `${node}.${randomBytes(6).toString('hex')}`
    this.#key = key
    this.#idPrefix = `{"id":"${this.id}-`
  }

  /** Seals the next batches of audit records with this key. */
  sealWith(key: AuditKey | undefined): void {
    this.#key = key
  }

  /** Number of audit records that wait to be sealed. */
  get waiting(): number {
    return this.#sums.length
  }

  get waitingBytes(): number {
    return this.#bytes
  }

  /** Number of audit records without priority that wait to be sealed. */
  get commonRecords(): number {
    return this.#commonRecords
  }

  /** Number of bytes in the buffer that belong to audit records without priority. */
  get commonBytes(): number {
    return this.#commonBytes
  }

  /**
   * Appends an audit record to the chain.
   *
   * @param rest  the record without the id: the part of a flat JSON object on one line that follows `{"id":"…",`
   * @param priority  whether the record can use the space that is reserved for records with priority
   */
  add(rest: string, priority = true): void {
    const number = this.#last + 1
    const line = `${this.#idPrefix}${number}",${rest}`
    if (this.#bytes + line.length * UNIT_MAX_BYTES >= this.#buffer.length) this.#grow(line.length * UNIT_MAX_BYTES)
    const start = this.#bytes
    const end = start + this.#buffer.write(line, start)
    this.#sums.push(crc32(new Uint8Array(this.#buffer.buffer, start, end - start)))
    this.#buffer[end] = LINE_FEED
    this.#bytes = end + 1
    this.#ends.push(this.#bytes)
    this.#priorities.push(priority)
    this.#last = number
    if (priority) return
    this.#commonRecords++
    this.#commonBytes += end + 1 - start
  }

  /** Counts a lost audit record. A lost record gets no number; the next seal states the number of lost records. */
  lose(): void {
    this.#lost++
  }

  /**
   * Notes the newest batch that the node knows in the audit log.
   *
   * @param seen  newest batch in the audit log, of any chain; the next seal names this batch
   */
  witness({ chain, last, hash }: Witnessed): void {
    this.#seen = { chain, last, hash }
  }

  /**
   * Seals the oldest waiting audit records as one batch; at least one record must be waiting. Records that exceed the
   * limits stay in the buffer for the next seal.
   *
   * @param maxRecords  maximum number of records in the batch
   * @param maxBytes  maximum number of bytes of the batch's lines; a single longer record gets a batch of its own
   */
  seal(maxRecords = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY): Batch {
    const count = this.#fitting(maxRecords, maxBytes)
    const bytes = this.#ends[count - 1]!
    const lines = this.#buffer.subarray(0, bytes)
    const sums = Buffer.allocUnsafe(count * 4)
    for (let i = 0; i < count; i++) sums.writeUInt32BE(this.#sums[i]!, i * 4)
    const first = this.#last - this.#sums.length + 1
    const draft = {
      chain: this.id,
      first,
      last: first + count - 1,
      previous: this.#previous,
      lost: this.#lost,
      ...(this.#seen && { seen: this.#seen }),
      sums: sums.toString('base64'),
    }
    const sealed = seal(draft, lines, this.#key)
    const packed = packLines(lines)
    const commonBytes = Math.round((packed.length * this.#drop(count, bytes)) / bytes)
    this.#previous = sealed.hash
    this.#lost = 0
    this.#seen = undefined
    return { seal: sealed, packed, ...(commonBytes > 0 && { commonBytes }) }
  }

  /** Number of waiting audit records, from the oldest on, that fit into one batch with these limits; at least 1. */
  #fitting(maxRecords: number, maxBytes: number): number {
    let count = Math.min(this.#sums.length, maxRecords)
    while (count > 1 && this.#ends[count - 1]! > maxBytes) count--
    return count
  }

  /**
   * Removes the oldest `count` audit records from the buffer and moves the lines of the remaining records to the start
   * of the buffer.
   *
   * @returns number of bytes of the removed lines without priority
   */
  #drop(count: number, bytes: number): number {
    let commonBytes = 0
    for (let i = 0; i < count; i++) {
      if (this.#priorities[i]) continue
      commonBytes += this.#ends[i]! - (this.#ends[i - 1] ?? 0)
      this.#commonRecords--
    }
    this.#commonBytes -= commonBytes
    const left = this.#bytes - bytes
    if (this.#buffer.length > BUFFER_BYTES && left < BUFFER_BYTES / 2) {
      const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
      this.#buffer.copy(buffer, 0, bytes, this.#bytes)
      this.#buffer = buffer
    } else if (left > 0) this.#buffer.copyWithin(0, bytes, this.#bytes)
    this.#bytes = left
    this.#sums = left === 0 ? [] : this.#sums.slice(count)
    this.#ends = left === 0 ? [] : this.#ends.slice(count).map((end) => end - bytes)
    this.#priorities = left === 0 ? [] : this.#priorities.slice(count)
    return commonBytes
  }

  #grow(bytes: number): void {
    const buffer = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#bytes + bytes + 1))
    this.#buffer.copy(buffer, 0, 0, this.#bytes)
    this.#buffer = buffer
  }
}

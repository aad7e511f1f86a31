import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Batch, packLines } from './batch.ts'
import { type AuditKey, chainStart, seal, type Witnessed } from './seal.ts'

/** Room for a batch as they usually are; one with longer records is moved to more. */
const BUFFER_BYTES = 1024 * 1024
/** Of a UTF-16 unit in UTF-8. */
const UNIT_MAX_BYTES = 3
const LINE_FEED = 10

/** Records of one run of a node: numbered without gaps, and sealed in batches of which each names the one before. */
export class Chain {
  readonly id: string
  readonly #key: AuditKey | undefined
  readonly #idPrefix: string
  /** Lines are written where they stay: as one long string they would be copied twice more. */
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  #bytes = 0
  /** Of each waiting record: the CRC-32 of its line, and where the line ends in the buffer, bytes. */
  #sums: number[] = []
  #ends: number[] = []
  /** Of each waiting record: whether it has priority. */
  #priorities: boolean[] = []
  /** Waiting records without priority, and the bytes of their lines. */
  #commonRecords = 0
  #commonBytes = 0
  /** Number of the newest record. */
  #last = 0
  #previous = chainStart
  #lost = 0
  #seen: Witnessed | undefined

  /** @param key  `undefined`: without keyed checkpoints */
  constructor(node: string, key: AuditKey | undefined) {
    this.id = `${node}.${randomBytes(6).toString('hex')}`
    this.#key = key
    this.#idPrefix = `{"id":"${this.id}-`
  }

  /** Records since the last seal. */
  get waiting(): number {
    return this.#sums.length
  }

  get waitingBytes(): number {
    return this.#bytes
  }

  /** Waiting records without priority. */
  get commonRecords(): number {
    return this.#commonRecords
  }

  /** Bytes of their lines. */
  get commonBytes(): number {
    return this.#commonBytes
  }

  /**
   * @param rest  the record without its id: the rest of a flat JSON object on one line, from after `{"id":"…",` on
   * @param priority  whether the record may use the room that is reserved
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

  /** A record that found no room. It has no number; the next seal tells that it was. */
  lose(): void {
    this.#lost++
  }

  /** @param seen  the newest batch in the log, of whatever chain */
  witness({ chain, last, hash }: Witnessed): void {
    this.#seen = { chain, last, hash }
  }

  /**
   * Seals the oldest waiting records as one batch; at least one record must wait. The records that do not fit stay for the
   * next seal.
   *
   * @param maxRecords  limit of the batch
   * @param maxBytes  limit of the batch, bytes of its lines; a single longer record is a batch of its own
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

  /** How many of the oldest waiting records a batch of these limits takes; at least one. */
  #fitting(maxRecords: number, maxBytes: number): number {
    let count = Math.min(this.#sums.length, maxRecords)
    while (count > 1 && this.#ends[count - 1]! > maxBytes) count--
    return count
  }

  /**
   * Removes the oldest records, and moves the lines of the others to the start of the buffer.
   *
   * @returns bytes of the removed lines without priority
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

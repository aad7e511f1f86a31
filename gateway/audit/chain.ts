import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Batch, packLines } from './batch.ts'
import { type AuditKey, chainStart, type Seal, type SealDraft, seal } from './seal.ts'

/** Records of one run of a node: numbered without gaps, and sealed in batches of which each names the one before. */
export class Chain {
  readonly id: string
  readonly #key: AuditKey | undefined
  readonly #idPrefix: string
  #lines = ''
  #sums: number[] = []
  /** Number of the newest record. */
  #last = 0
  #previous = chainStart
  #lost = 0
  #seen: SealDraft['seen']

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

  /** Their size, in UTF-16 units. */
  get waitingSize(): number {
    return this.#lines.length
  }

  /** @param rest  the record without its id: the rest of a flat JSON object on one line, from after `{"id":"…",` on */
  add(rest: string): void {
    const line = `${this.#idPrefix}${++this.#last}",${rest}`
    this.#sums.push(crc32(line))
    this.#lines += line
    this.#lines += '\n'
  }

  /** A record that found no room. It has no number; the next seal tells that it was. */
  lose(): void {
    this.#lost++
  }

  /** @param seen  the newest batch in the log, of whatever chain */
  witness({ chain, last, hash }: Seal): void {
    this.#seen = { chain, last, hash }
  }

  /** The records since the last seal, as a batch. There must be one. */
  seal(): Batch {
    const lines = Buffer.from(this.#lines)
    const sums = Buffer.allocUnsafe(this.#sums.length * 4)
    for (let i = 0; i < this.#sums.length; i++) sums.writeUInt32BE(this.#sums[i]!, i * 4)
    const draft = {
      chain: this.id,
      first: this.#last - this.#sums.length + 1,
      last: this.#last,
      previous: this.#previous,
      lost: this.#lost,
      ...(this.#seen && { seen: this.#seen }),
      sums: sums.toString('base64'),
    }
    const sealed = seal(draft, lines, this.#key)
    this.#lines = ''
    this.#sums = []
    this.#previous = sealed.hash
    this.#lost = 0
    this.#seen = undefined
    return { seal: sealed, packed: packLines(lines) }
  }
}

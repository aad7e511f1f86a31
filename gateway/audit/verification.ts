import { crc32 } from 'node:zlib'
import type { TrimMark } from './audit-log.ts'
import { type Batch, readRecord, unpackLines } from './batch.ts'
import { readRecordId } from './record.ts'
import { type AuditKey, chainStart, isMadeWith, matchesSeal, type Seal, type Witnessed } from './seal.ts'

/** Kinds of findings in an audit log, each with an explanation. */
export const findingKinds = {
  missing: 'Sealed records are missing, or records that a later batch refers to.',
  altered: 'A record or the seal of a batch was changed after sealing.',
  swapped: 'Records or batches are not in the order in which they were written.',
  cut: 'The end of a chain is missing: a batch that was seen in the log is gone.',
  forged: 'A seal was made without the audit key.',
  'unknown-key': 'A seal was made with a key that was not supplied to the verification.',
  restarted: 'A chain has two different continuations.',
  stray: 'Data that is not a batch or record, or is in the wrong place.',
} as const

export type FindingKind = keyof typeof findingKinds

export interface AuditFinding {
  readonly kind: FindingKind
  /** Id of the audit chain with the finding; `undefined` when the data cannot be read. */
  readonly chain: string | undefined
  /** Number of the first affected record; `undefined` when the number is not known. */
  readonly first: number | undefined
  readonly last: number | undefined
  /** Description of the finding in the audit log in words, with the place in the log. */
  readonly detail: string
}

/**
 * End of an audit chain. `closed`: with a closing record. `running`: the node still writes to the chain. `open`: the
 * node stopped without a closing record, for example because it was killed.
 */
export type ChainEnd = 'closed' | 'running' | 'open'

export interface ChainReport {
  readonly chain: string
  readonly node: string
  /** Number of the first audit record of the chain that was found; `last` is the number of the last record. */
  readonly first: number
  readonly last: number
  /** Number of lost audit records of this chain, the sum over its seals. */
  readonly lost: number
  readonly end: ChainEnd
  /** Whether every seal of the audit chain names a known key. */
  readonly keyed: boolean
}

export interface VerificationReport {
  readonly records: number
  readonly batches: number
  readonly chains: readonly ChainReport[]
  readonly findings: readonly AuditFinding[]
  /** Number of findings that are not listed, because the list has a limit of 1000 findings. */
  readonly more: number
}

export interface VerificationOptions {
  /** Keys for the HMAC of the audit seals. Without a key the HMACs are not checked. */
  readonly keys: readonly AuditKey[]
  /**
   * True when the verified input is only a part of the audit log. Chains can then begin before the input and continue
   * after it.
   */
  readonly partial?: boolean
}

/** Facts about the audit log that its entries do not contain. */
export interface LogSurroundings {
  /** Ids of the audit chains that already have a `cut` finding, which means that the end of the chain is missing. */
  readonly trimmed: ReadonlyMap<string, TrimMark>
  /** Ids of the running nodes. The newest audit chain of each running node has no closing record yet. */
  readonly running: ReadonlySet<string>
  /** Audit batches that were known to be in the log before the verification read the log. */
  readonly seen: readonly Witnessed[]
}

const nothingKnown: LogSurroundings = { trimmed: new Map(), running: new Set(), seen: [] }

const FINDINGS_MAX = 1000
const LINE_FEED = 10

/** A sealed batch that the verification has read, as a link of its audit chain. */
interface Link {
  readonly first: number
  readonly last: number
  readonly hash: string
  readonly previous: string
  readonly place: string
}

interface ChainState {
  readonly links: Link[]
  readonly known: Set<string>
  lost: number
  keyed: boolean
  /** Hash of the batch with the closing record of the chain; `undefined` when no such batch was read. */
  closing: string | undefined
}

/** Verifies batches of any number of chains, fed in the order of the log, and collects the findings. @bound job */
export class Verification {
  readonly #partial: boolean
  readonly #keys: ReadonlyMap<string, AuditKey>
  readonly #chains = new Map<string, ChainState>()
  readonly #findings: AuditFinding[] = []
  readonly #seen: Witnessed[] = []
  /** Ids of the audit chains that already have a `cut` finding. */
  readonly #cut = new Set<string>()
  #more = 0
  #records = 0
  #batches = 0

  constructor({ keys, partial = false }: VerificationOptions) {
    this.#partial = partial
    this.#keys = new Map(keys.map((key) => [key.id, key]))
  }

  /**
   * Verifies one batch of the audit log. Batches must be passed in the order of the log.
   *
   * @param place  position of the batch in its file or stream, for messages
   */
  batch({ seal, packed }: Batch, place: string): void {
    const lines = unpackLines(packed)
    if (lines === undefined) this.#find('altered', seal, `the records cannot be decompressed (${place})`)
    this.#take(seal, lines, place)
  }

  /**
   * Verifies record lines against the seal that follows them in a file.
   *
   * @param lines  lines to compare with the seal, each with its line feed
   */
  lines(seal: Seal, lines: Buffer, place: string): void {
    this.#take(seal, lines, place)
  }

  #take(seal: Seal, lines: Buffer | undefined, place: string): void {
    const chain = this.#chainOf(seal.chain)
    const whole = lines !== undefined && matchesSeal(seal, lines) && areNumbered(seal, lines)
    if (!whole && lines !== undefined) this.#findWithin(seal, lines, place)
    // Ignore an audit batch that was delivered twice: it is not a finding.
    if (chain.known.has(seal.hash)) return
    chain.known.add(seal.hash)
    this.#batches++
    if (whole) this.#records += seal.last - seal.first + 1
    this.#judgeKey(chain, seal, place)
    chain.links.push({ first: seal.first, last: seal.last, hash: seal.hash, previous: seal.previous, place })
    chain.lost += seal.lost
    if (seal.seen !== undefined) this.#seen.push(seal.seen)
    if (lines !== undefined && closes(lines)) chain.closing = seal.hash
  }

  /** Adds a finding for data that is not an audit batch. */
  stray(detail: string, place: string): void {
    this.#find('stray', undefined, `${detail} (${place})`)
  }

  /** Completes the verification of an audit log. Must be called once, after all batches were read. */
  report({ trimmed, running, seen }: LogSurroundings = nothingKnown): VerificationReport {
    for (const [id, chain] of this.#chains) this.#judgeChain(id, chain, trimmed.get(id))
    for (const each of [...seen, ...this.#seen]) this.#judgeSeen(each, trimmed.get(each.chain))
    // A node's newest chain is the node's last chain in the order of the log, because the node's clock may have been
    // set back.
    const newest = new Map([...this.#chains.keys()].map((chain) => [nodeOf(chain), chain]))
    const goingOn = new Set([...newest].flatMap(([node, chain]) => (running.has(node) ? chain : [])))
    const chains = [...this.#chains].map(([id, chain]) => this.#reportOf(id, chain, goingOn))
    return { records: this.#records, batches: this.#batches, chains, findings: this.#findings, more: this.#more }
  }

  #chainOf(id: string): ChainState {
    let chain = this.#chains.get(id)
    if (chain === undefined) {
      chain = { links: [], known: new Set(), lost: 0, keyed: true, closing: undefined }
      this.#chains.set(id, chain)
    }
    return chain
  }

  #judgeKey(chain: ChainState, seal: Seal, place: string): void {
    const key = seal.key === undefined ? undefined : this.#keys.get(seal.key)
    if (seal.key === undefined || key === undefined) chain.keyed = false
    if (this.#keys.size === 0) return
    if (seal.key === undefined) this.#find('forged', seal, `the seal has no key (${place})`)
    else if (key === undefined)
      this.#find('unknown-key', seal, `sealed with key ${seal.key}, which was not supplied (${place})`)
    else if (!isMadeWith(seal, key)) this.#find('forged', seal, `the seal was not made with key ${seal.key} (${place})`)
  }

  /** Finds out which audit records of a batch do not match the seal of the batch. */
  #findWithin(seal: Seal, lines: Buffer, place: string): void {
    const before = this.#findings.length + this.#more
    const { chain, first, last } = seal
    const sums = Buffer.from(seal.sums, 'base64')
    const there = new Map<number, number>()
    let highest = 0
    for (const line of lines.toString().split('\n').slice(0, -1)) {
      const id = readRecordId(readRecord(line)?.id ?? '')
      if (id === undefined || id.chain !== chain || id.number < first || id.number > last || there.has(id.number)) {
        this.#find('stray', seal, `a line that is not a record of this batch (${place})`)
        continue
      }
      const { number } = id
      there.set(number, 0)
      if (number < highest) this.#findAt('swapped', chain, number, highest, `records are in reverse order (${place})`)
      highest = Math.max(highest, number)
      const at = (number - first) * 4
      if (at + 4 > sums.length || sums.readUInt32BE(at) !== crc32(line)) {
        this.#findAt('altered', chain, number, number, `the record differs from the sealed record (${place})`)
      }
    }
    for (const [from, to] of gaps(first, last, there)) {
      this.#findAt('missing', chain, from, to, `missing from its batch (${place})`)
    }
    if (this.#findings.length + this.#more === before)
      this.#find('altered', seal, `the seal does not match the records (${place})`)
  }

  /** Verifies that each batch of an audit chain continues the previous batch. */
  #judgeChain(chain: string, state: ChainState, mark: TrimMark | undefined): void {
    this.#judgeOrder(chain, state.links)
    state.links.sort((a, b) => a.first - b.first || a.last - b.last)
    const links = mark === undefined ? state.links : state.links.filter(({ last }) => last > mark.last)
    let expected = { first: 1, previous: chainStart }
    if (mark !== undefined) expected = { first: mark.last + 1, previous: mark.hash }
    else if (this.#partial) expected = links[0] ?? expected
    for (const { first, last, previous, hash, place } of links) {
      if (first > expected.first) {
        this.#findAt('missing', chain, expected.first, first - 1, `the next batch begins with ${first} (${place})`)
      } else if (first < expected.first) {
        this.#findAt('restarted', chain, first, last, `another batch has the same numbers (${place})`)
      } else if (previous !== expected.previous) {
        this.#findAt('altered', chain, first, last, `the batch does not continue the previous batch (${place})`)
      }
      expected = { first: last + 1, previous: hash }
    }
    if (state.closing !== undefined && state.closing !== state.links.at(-1)!.hash) {
      this.#findAt('restarted', chain, undefined, undefined, 'the chain continues after its closing record')
    }
  }

  #judgeOrder(chain: string, links: readonly Link[]): void {
    for (let i = 1; i < links.length; i++) {
      const [a, b] = [links[i - 1]!, links[i]!]
      if (b.last >= a.first) continue
      const detail = `the batch ${a.first} to ${a.last} precedes the batch ${b.first} to ${b.last} (${b.place})`
      this.#findAt('swapped', chain, b.first, a.last, detail)
    }
  }

  /**
   * Verifies that an audit batch seen in the log is still in the log, unless the batch was trimmed. Adds at most one
   * `cut` finding per chain, because further findings would have the same cause.
   */
  #judgeSeen({ chain, last, hash }: Witnessed, mark: TrimMark | undefined): void {
    const state = this.#chains.get(chain)
    if (state?.known.has(hash) === true || this.#cut.has(chain)) return
    if (mark !== undefined && last <= mark.last) return
    // When only a part of the log is verified, the batch may be outside of the input: its chain is absent, or the batch
    // is older than the first batch of its chain in the input.
    if (this.#partial && (state === undefined || last < state.links[0]!.first)) return
    const links = state?.links ?? []
    const end = links.at(-1)?.last ?? mark?.last ?? 0
    if (last > end) {
      this.#cut.add(chain)
      const what = state === undefined ? 'the chain' : `the part after ${end}`
      this.#findAt('cut', chain, end + 1, last, `${what} is missing; the log once reached ${last}`)
    } else if (links.some((link) => link.first <= last && last <= link.last)) {
      this.#findAt('altered', chain, undefined, last, `a different batch that ends with ${last} was seen in the log`)
    }
  }

  #reportOf(chain: string, { links, lost, closing, keyed }: ChainState, running: ReadonlySet<string>): ChainReport {
    const node = nodeOf(chain)
    const end = closing !== undefined ? 'closed' : running.has(chain) ? 'running' : 'open'
    const [first, last] = [links[0]!.first, links.at(-1)!.last]
    return { chain, node, first, last, lost, end, keyed: this.#keys.size > 0 && keyed }
  }

  #find(kind: FindingKind, seal: Seal | undefined, detail: string): void {
    this.#findAt(kind, seal?.chain, seal?.first, seal?.last, detail)
  }

  #findAt(
    kind: FindingKind,
    chain: string | undefined,
    first: number | undefined,
    last: number | undefined,
    detail: string,
  ): void {
    if (this.#findings.length >= FINDINGS_MAX) this.#more++
    else this.#findings.push({ kind, chain, first, last, detail })
  }
}

function nodeOf(chain: string): string {
  return chain.slice(0, chain.lastIndexOf('.'))
}

/** Whether the audit batch ends with the closing record of the chain. */
function closes(lines: Buffer): boolean {
  return readRecord(lines.subarray(lines.lastIndexOf(LINE_FEED, -2) + 1, -1).toString())?.kind === 'chain.close'
}

/** Whether the lines are exactly the audit records numbered `first` to `last`, in order. */
function areNumbered({ chain, first, last }: Seal, lines: Buffer): boolean {
  let at = 0
  for (let number = first; number <= last; number++) {
    const head = `{"id":"${chain}-${number}",`
    if (lines.toString('latin1', at, at + head.length) !== head) return false
    at = lines.indexOf(LINE_FEED, at) + 1
    if (at === 0) return false
  }
  return at === lines.length
}

/**
 * Returns the record numbers from `first` to `last` that are not in `there`, as ranges. For more than 100,000 numbers,
 * returns the whole range when `there` is empty, and no range otherwise.
 */
function gaps(first: number, last: number, there: ReadonlyMap<number, unknown>): [number, number][] {
  const found: [number, number][] = []
  // A seal is untrusted and can claim any range of record numbers: limit the work.
  if (last - first > 100_000) return there.size === 0 ? [[first, last]] : []
  for (let number = first; number <= last; number++) {
    if (there.has(number)) continue
    const open = found.at(-1)
    if (open !== undefined && open[1] === number - 1) open[1] = number
    else found.push([number, number])
  }
  return found
}

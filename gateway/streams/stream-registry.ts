import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ActiveSet } from '../base/active-set.ts'
import { type Denial, denial } from '../base/denial.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import { RECORD_BYTES } from '../revocation/record.ts'
import { HashIndex } from './hash-index.ts'
import { MessageWindows } from './message-windows.ts'
import { RegisteredStream, type StreamKeeper } from './registered-stream.ts'
import { StreamCounts, type StreamLimits } from './stream-counts.ts'
import { END_STREAMS, readStreamOrder } from './stream-order.ts'
import type { StreamSelector, StreamView } from './stream-view.ts'
import type { StreamCandidate } from './watched-stream.ts'

/** Time between two checks of every stream, ms. An expired token ends an idle stream at the next check. */
const CHECK_EVERY_MS = 250
/** Status of the denials for which a request may be repeated, because the gate itself cannot decide. */
const UNKNOWN_STATUS = 503
/** Longest work on streams in one turn of the event loop, ms. */
const SLICE_MS = 5
/** Largest number of streams in a list. */
const LISTED_MAX = 1000

const endedByOperator = denial('stream-ended-by-operator', { fields: [['retry-after', '1']] })

export interface StreamRegistryOptions extends StreamLimits {
  /** Longest time for which streams are held while the node cannot vouch for revocations, ms. */
  readonly holdMs: number
  /** Returns the monotonic time, ms. */
  readonly now?: () => number
}

/** A stream of this node. */
export interface ListedStream extends StreamView {
  /** Whether nothing is relayed, because the node cannot know whether the stream is allowed. */
  readonly held: boolean
}

/** Streams of this node that a selector selects. */
export interface StreamList {
  /** Number of all streams of the node. */
  readonly total: number
  /** Number of selected streams. */
  readonly selected: number
  /** Selected streams up to the limit of the list, sorted by their start, earliest first. */
  readonly streams: readonly ListedStream[]
}

/**
 * The streams of this node. A stream ends when a check that a request would get refuses it. Each stream is checked
 * before it relays something, every 250 ms, and when a revocation of one of its identities arrives.
 *
 * Registered with the cluster after the revocations, so that it sees each event after the replica has applied it.
 */
export class StreamRegistry implements SharedState, StreamKeeper {
  readonly kinds = ['revoked', 'hash-keys', END_STREAMS]
  readonly counts: StreamCounts
  readonly messages = new MessageWindows()
  readonly #holdMs: number
  readonly #now: () => number
  readonly #entries = new ActiveSet<RegisteredStream>()
  readonly #index = new HashIndex<RegisteredStream>()
  readonly #task = new Supervisor('stream-watch')
  readonly #endChecking: () => void
  #candidates: StreamCandidate[] = []
  #source: (found: (candidate: StreamCandidate) => void) => void = () => {}
  /** Streams to check, and the first one that is not checked yet. */
  #due: RegisteredStream[] = []
  #next = 0
  #working: Promise<void> | undefined

  constructor({ holdMs, now = () => performance.now(), ...limits }: StreamRegistryOptions) {
    this.counts = new StreamCounts(limits)
    this.#holdMs = holdMs
    this.#now = now
    this.#endChecking = this.#task.repeat(CHECK_EVERY_MS, () => this.checkAll())
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Sets the function that calls back with each exchange that may have become a stream. It is called before each check
   * of all streams and for each event, so that a short exchange costs nothing here.
   */
  findIn(source: (found: (candidate: StreamCandidate) => void) => void): void {
    this.#source = source
  }

  /**
   * Registers a stream after this turn of the event loop. A transfer that is complete by then is never registered.
   */
  soon(candidate: StreamCandidate): void {
    if (this.#candidates.push(candidate) === 1) setImmediate(this.#openCandidates)
  }

  readonly #openCandidates = (): void => {
    const candidates = this.#candidates
    this.#candidates = []
    for (const candidate of candidates) this.open(candidate)
  }

  #find(): void {
    this.#openCandidates()
    this.#source((candidate) => this.open(candidate))
  }

  /** Registers a stream, then checks it. The check may end the stream. */
  open(candidate: StreamCandidate): void {
    const stream = candidate.startStream()
    if (stream === undefined) return
    const entry = new RegisteredStream(this, stream)
    stream.watchedBy(entry)
    this.#entries.add(entry)
    // Checked after it was added: a revocation before this check is found here, a later one through the index.
    this.#checkGuarded(entry)
  }

  check(entry: RegisteredStream): boolean {
    const { stream } = entry
    if (entry.ordered) {
      this.#end(entry, endedByOperator)
      return false
    }
    const denial = stream.reconsider()
    if (denial !== undefined) {
      if (!this.#holds(entry, denial)) this.#end(entry, denial)
      return false
    }
    this.#keepIndexed(entry)
    if (entry.heldAt !== undefined) {
      entry.heldAt = undefined
      stream.release()
    }
    return !entry.over
  }

  /** Holds a stream while the gate cannot know whether it is allowed. @returns false when the stream must end */
  #holds(entry: RegisteredStream, { status }: Denial): boolean {
    if (status !== UNKNOWN_STATUS) return false
    const { holdMs = this.#holdMs } = entry.stream
    if (entry.heldAt !== undefined) return this.#now() - entry.heldAt < holdMs
    entry.heldAt = this.#now()
    entry.stream.hold()
    return true
  }

  #end(entry: RegisteredStream, denial: Denial): void {
    this.remove(entry)
    entry.stream.end(denial)
  }

  remove(entry: RegisteredStream): void {
    entry.over = true
    this.#entries.delete(entry)
    this.#unindex(entry)
  }

  /** Indexes a stream by the hashes of its last check. They change with the hash keys and with the token of a session. */
  #keepIndexed(entry: RegisteredStream): void {
    const { lookups } = entry.stream
    let same = true
    for (let i = 0; i < lookups.length; i++) if (lookups[i]!.hashes !== entry.indexed[i]) same = false
    if (same) return
    this.#unindex(entry)
    entry.indexed = lookups.map(({ hashes }) => hashes)
    for (const hashes of entry.indexed) if (hashes !== undefined) this.#index.add(entry, hashes)
  }

  #unindex(entry: RegisteredStream): void {
    for (const hashes of entry.indexed) if (hashes !== undefined) this.#index.delete(entry, hashes)
    entry.indexed = []
  }

  apply(kind: string, payload: Buffer): Promise<void> | undefined {
    if (kind === 'hash-keys') return this.checkAll()
    this.#find()
    if (kind === END_STREAMS) return this.#order(readStreamOrder(payload))
    for (let at = 0; at + RECORD_BYTES <= payload.length; at += RECORD_BYTES) {
      this.#index.visit(payload.readUInt32BE(at), payload.readUInt32BE(at + 4), (entry) => this.#due.push(entry))
    }
    return this.#work()
  }

  /** Ends the selected streams. They relay nothing from now on, and end in slices. */
  #order(selector: StreamSelector | undefined): Promise<void> | undefined {
    if (selector === undefined) return undefined
    this.#entries.visit((entry) => {
      if (!entry.stream.isSelected(selector)) return
      entry.ordered = true
      this.#due.push(entry)
    })
    return this.#work()
  }

  /** @param most  largest number of streams in the list */
  list(selector: StreamSelector, most = LISTED_MAX): StreamList {
    const streams: ListedStream[] = []
    let selected = 0
    this.#entries.visit(({ stream, heldAt }) => {
      if (!stream.isSelected(selector)) return
      selected++
      if (streams.length < most) streams.push({ ...stream.view(), held: heldAt !== undefined })
    })
    streams.sort((a, b) => a.startedMs - b.startedMs)
    return { total: this.size, selected, streams }
  }

  async catchUp(): Promise<void> {
    await this.checkAll()
  }

  /** Checks every stream. @returns resolves when all are checked; `undefined` if they are when this method returns */
  checkAll(): Promise<void> | undefined {
    this.#find()
    this.#entries.visit((entry) => {
      this.#due.push(entry)
    })
    return this.#work()
  }

  /** Checks the streams that are due, in slices, so that requests do not wait for thousands of streams. */
  #work(): Promise<void> | undefined {
    if (this.#working !== undefined) return this.#working
    if (this.#slice()) return undefined
    this.#working = this.#task.attempt(() => this.#finish())
    return this.#working
  }

  async #finish(): Promise<void> {
    try {
      do await nextTurn()
      while (!this.#slice())
    } finally {
      this.#working = undefined
    }
  }

  /** @returns whether no stream is due any more */
  #slice(): boolean {
    const endAt = performance.now() + SLICE_MS
    while (this.#next < this.#due.length) {
      this.#checkGuarded(this.#due[this.#next++]!)
      if (performance.now() >= endAt && this.#next < this.#due.length) return false
    }
    this.#due = []
    this.#next = 0
    return true
  }

  /** Checks a stream. A fault ends this stream only, and is logged. */
  #checkGuarded(entry: RegisteredStream): void {
    if (entry.over) return
    try {
      this.check(entry)
    } catch (fault) {
      this.remove(entry)
      void this.#task.attempt(() => {
        entry.stream.fail(fault)
        throw fault
      })
    }
  }

  close(): void {
    this.#endChecking()
  }
}

import { performance } from 'node:perf_hooks'
import { ActiveSet } from '../base/active-set.ts'
import { type Denial, denial } from '../base/denial.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import { RECORD_BYTES } from '../revocation/record.ts'
import { HashIndex } from './hash-index.ts'
import { MessageWindows } from './message-windows.ts'
import { RegisteredStream, type StreamKeeper } from './registered-stream.ts'
import { SlicedWork } from './sliced-work.ts'
import { StreamCounts, type StreamLimits } from './stream-counts.ts'
import { END_STREAMS, readStreamOrder } from './stream-order.ts'
import type { StreamKind, StreamSelector, StreamView } from './stream-view.ts'
import { VerificationLanes } from './verification-lanes.ts'
import type { StreamCandidate } from './watched-stream.ts'

/** Time between two checks of every stream, ms. An expired token ends an idle stream at the next check. */
const CHECK_EVERY_MS = 250
/** Status of the denials for which a request may be repeated, because the gate itself cannot decide. */
const UNKNOWN_STATUS = 503
/**
 * Costs of work on one stream, in units of one check. `END_COST`: the end of the stream, with its records.
 * `SELECT_COST`: a comparison of the stream with a selector.
 */
const END_COST = 32
const SELECT_COST = 1 / 4
/** Largest number of streams in a list. */
const LISTED_MAX = 1000

const endedByOperator = denial('stream-ended-by-operator', { fields: [['retry-after', '1']] })

export interface StreamRegistryOptions extends StreamLimits {
  /** Longest time for which streams are held while the node cannot vouch for revocations, ms. */
  readonly holdMs: number
  /** Returns the monotonic time, ms. */
  readonly now?: () => number
}

/** A stream of this node with its entry in the registry. */
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
  readonly verifications = new VerificationLanes()
  readonly #holdMs: number
  readonly #now: () => number
  readonly #entries = new ActiveSet<RegisteredStream>()
  readonly #index = new HashIndex<RegisteredStream>()
  readonly #task = new Supervisor('stream-watch')
  readonly #endChecking: () => void
  readonly #work: SlicedWork
  readonly #openByKind: Record<StreamKind, number> = { websocket: 0, events: 0, download: 0, upload: 0 }
  readonly #sources: ((found: (candidate: StreamCandidate) => void) => void)[] = []

  constructor({ holdMs, now = () => performance.now(), ...limits }: StreamRegistryOptions) {
    this.counts = new StreamCounts(limits)
    this.#holdMs = holdMs
    this.#now = now
    this.#work = new SlicedWork(this.#task, now)
    this.#endChecking = this.#task.repeat(CHECK_EVERY_MS, () => this.#checkAll('routine'))
  }

  get size(): number {
    return this.#entries.size
  }

  /** Number of streams of each kind. */
  get openByKind(): Readonly<Record<StreamKind, number>> {
    return this.#openByKind
  }

  /**
   * Adds a function that calls back with each exchange of a listener that may have become a stream. It is called before
   * each check of all streams and for each event, so that a short exchange costs nothing here.
   */
  findIn(source: (found: (candidate: StreamCandidate) => void) => void): void {
    this.#sources.push(source)
  }

  #find(): void {
    for (const source of this.#sources) source((candidate) => this.open(candidate))
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
    this.#count(entry, stream.kind)
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
    this.#count(entry, undefined)
  }

  /** The kind can change: an exchange can be an upload first, and then a download or an event stream. */
  #count(entry: RegisteredStream, kind: StreamKind | undefined): void {
    if (entry.kind === kind) return
    if (entry.kind !== undefined) this.#openByKind[entry.kind]--
    if (kind !== undefined) this.#openByKind[kind]++
    entry.kind = kind
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
    if (kind === 'hash-keys') return this.#checkAll('urgent')
    this.#find()
    if (kind === END_STREAMS) return this.#order(readStreamOrder(payload))
    const found: RegisteredStream[] = []
    for (let at = 0; at + RECORD_BYTES <= payload.length; at += RECORD_BYTES) {
      this.#index.visit(payload.readUInt32BE(at), payload.readUInt32BE(at + 4), (entry) => found.push(entry))
    }
    return this.#check('urgent', found)
  }

  /** Ends the selected streams. They relay nothing once all streams have been compared, and end in slices. */
  #order(selector: StreamSelector | undefined): Promise<void> | undefined {
    if (selector === undefined) return undefined
    const selected: RegisteredStream[] = []
    const compared = this.#work.run('urgent', this.#entries.members(), (entry) => {
      if (!entry.over && entry.stream.isSelected(selector)) {
        entry.ordered = true
        selected.push(entry)
      }
      return SELECT_COST
    })
    if (compared === undefined) return this.#check('urgent', selected)
    return compared.then(() => this.#check('urgent', selected))
  }

  /** @param most  largest number of streams in the list */
  async list(selector: StreamSelector, most = LISTED_MAX): Promise<StreamList> {
    const streams: ListedStream[] = []
    let selected = 0
    await this.#work.run('routine', this.#entries.members(), ({ stream, heldAt, over }) => {
      if (over || !stream.isSelected(selector)) return SELECT_COST
      selected++
      if (streams.length >= most) return SELECT_COST
      streams.push({ ...stream.view(), held: heldAt !== undefined })
      return 1
    })
    streams.sort((a, b) => a.startedMs - b.startedMs)
    return { total: this.size, selected, streams }
  }

  async catchUp(): Promise<void> {
    await this.#checkAll('urgent')
  }

  /**
   * Checks every stream, in slices, so that requests do not wait until thousands of streams are checked.
   *
   * @returns resolves when all are checked; `undefined` if they are when this method returns
   */
  #checkAll(priority: 'urgent' | 'routine'): Promise<void> | undefined {
    this.#find()
    return this.#check(priority, this.#entries.members())
  }

  #check(priority: 'urgent' | 'routine', entries: readonly RegisteredStream[]): Promise<void> | undefined {
    return this.#work.run(priority, entries, (entry) => {
      this.#checkGuarded(entry)
      return entry.over ? END_COST : 1
    })
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

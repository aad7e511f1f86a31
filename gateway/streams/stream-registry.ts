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
/** HTTP status of a denial that does not forbid the stream, but states that the gate cannot decide now. */
const UNKNOWN_STATUS = 503
/**
 * Costs of work on one stream, in units of one check of a stream. `END_COST`: ending the stream and writing its
 * records. `SELECT_COST`: comparing the stream with a selector.
 */
const END_COST = 32
const SELECT_COST = 1 / 4
/** Maximum number of streams in a list. */
const LISTED_MAX = 1000

const endedByOperator = denial('stream-ended-by-operator', { fields: [['retry-after', '1']] })

export interface StreamRegistryOptions extends StreamLimits {
  /** Maximum time for which a stream is held (paused) while the node cannot decide whether it is allowed, ms. */
  readonly holdMs: number
  /** Returns the monotonic time, ms. */
  readonly now?: () => number
}

/** A stream of this node, as operators see it in a list. */
export interface ListedStream extends StreamView {
  /** True while the stream is paused, because the node cannot decide whether the stream is allowed. */
  readonly held: boolean
}

/** Streams of this node that match a selector. */
export interface StreamList {
  /** Number of all streams of the node. */
  readonly total: number
  /** Number of selected streams. */
  readonly selected: number
  /** Selected streams up to the limit of the list, sorted by their start, earliest first. */
  readonly streams: readonly ListedStream[]
}

/**
 * Registry of the streams of this node. Each stream gets the checks of a new request again and again, and ends when a
 * check refuses it. A stream is checked before it relays something, every 250 ms, and when a revocation of one of its
 * identities arrives.
 *
 * Registered with the cluster after the revocations, so that the registry receives each event after the revocation
 * replica has applied it.
 */
export class StreamRegistry implements SharedState, StreamKeeper {
  readonly kinds = ['revoked', 'hash-keys', END_STREAMS]
  readonly counts: StreamCounts
  readonly messages = new MessageWindows()
  readonly verifications = new VerificationLanes()
  readonly #holdMs: number
  readonly #now: () => number
  /**
   * Open streams.
   *
   * @bound `streams.max` WebSockets and event streams; downloads and uploads as exchanges | the request is refused |
   * gatehouse_streams
   */
  readonly #entries = new ActiveSet<RegisteredStream>()
  /**
   * Open streams by the hashes of their identities.
   *
   * @bound a few for each open stream (`streams.max`) | the request is refused | gatehouse_streams
   */
  readonly #index = new HashIndex<RegisteredStream>()
  readonly #task = new Supervisor('stream-watch')
  readonly #endChecking: () => void
  readonly #work: SlicedWork
  readonly #openByKind: Record<StreamKind, number> = { websocket: 0, events: 0, download: 0, upload: 0 }
  /** Functions that report exchanges which became streams. @bound code */
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

  /** Returns the number of streams of each kind. */
  get openByKind(): Readonly<Record<StreamKind, number>> {
    return this.#openByKind
  }

  /**
   * Adds a source of streams: a function that reports each exchange of a listener that may have become a stream. The
   * registry calls the function before each check of all streams and for each event. Until then, a short exchange costs
   * nothing here.
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
    // Check the stream after it was added. This check finds an earlier revocation, and the index finds a later one.
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

  /**
   * Holds (pauses) a stream while the gate cannot decide whether the stream is allowed.
   *
   * @returns false when the stream must end
   */
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

  /**
   * Counts a stream under its current kind. The kind can change: an upload can become a download or an event stream.
   */
  #count(entry: RegisteredStream, kind: StreamKind | undefined): void {
    if (entry.kind === kind) return
    if (entry.kind !== undefined) this.#openByKind[entry.kind]--
    if (kind !== undefined) this.#openByKind[kind]++
    entry.kind = kind
  }

  /**
   * Indexes a stream by the identity hashes of its last check. These hashes change with the hash keys, and with the
   * access token of a session.
   */
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

  /**
   * Ends the streams that an order selects. First compares all streams with the order, after which the selected streams
   * relay nothing. Then ends these streams in slices.
   */
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

  /** Lists the streams that a selector matches. @param most  maximum number of streams in the list */
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
   * @returns a promise that resolves when all streams are checked; `undefined` if they were checked before this method
   *   returns
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

  /** Checks a stream. A fault in the check ends only this stream, and is logged. */
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

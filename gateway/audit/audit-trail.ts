import { Supervisor } from '../base/supervisor.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import { Chain } from './chain.ts'
import { Outbox, type OutboxOptions } from './outbox.ts'
import { recordLine } from './record-line.ts'
import { type Refusal, RefusalAggregator } from './refusal-aggregator.ts'
import type { AuditKey, Witnessed } from './seal.ts'

const BATCH_RECORDS = 500
const BATCH_BYTES = 512 * 1024
const BATCH_MS = 200
/**
 * Records that may wait for a batch to find room, those that are reserved included; and their bytes. Records without
 * priority may take half of each.
 */
const WAITING_MAX = 4096
const WAITING_MAX_BYTES = 8 * 1024 * 1024
/** Losses within this time of each other are one series. */
const LOSSES_MS = 1000
/** At a stop. */
const CLOSE_MS = 2000

export interface TrailOptions extends Pick<OutboxOptions, 'log' | 'spill' | 'redisMaxBytes' | 'memoryBytes' | 'warn'> {
  readonly node: { readonly id: string; readonly version: string }
  /** `undefined`: the chain shows what is missing, and not who wrote it. */
  readonly key: AuditKey | undefined
}

/**
 * The audit log of one run of the node: takes records on the hot path, which wait for nothing, and hands them over in
 * sealed batches of 500 or of 200 ms, whichever is first. Records that find no room are lost and counted: the next batch
 * says how many. Half of the room is for records with priority, those of admitted exchanges and of admin calls, so that
 * refused strangers cannot displace them.
 */
export class AuditTrail implements MetricSource {
  readonly #node: TrailOptions['node']
  readonly #chain: Chain
  readonly #outbox: Outbox
  readonly #key: AuditKey | undefined
  readonly #warn: TrailOptions['warn']
  readonly #spillMaxBytes: number | undefined
  readonly #task = new Supervisor('audit-seal')
  readonly #aggregation = new Supervisor('audit-aggregate')
  /** Cancels the next flush. */
  #timer: (() => void) | undefined
  #reserved = 0
  #records = 0
  #lost = 0
  readonly #losses = { priority: new Losses(), common: new Losses() }
  readonly #refusals: RefusalAggregator
  /** The last attempt to seal records failed. */
  #faulty = false
  #closed = false

  constructor({ node, key, log, spill, redisMaxBytes, memoryBytes, warn }: TrailOptions) {
    this.#node = node
    this.#key = key
    this.#warn = warn
    this.#spillMaxBytes = spill?.maxBytes
    this.#chain = new Chain(node.id, key)
    this.#outbox = new Outbox({
      log,
      spill,
      redisMaxBytes,
      memoryBytes,
      warn,
      saw: (newest) => this.#chain.witness(newest),
      roomy: () => this.#flushFull(),
    })
    this.#refusals = new RefusalAggregator({
      node: node.id,
      emit: (line) => this.add(line, false),
      after: (ms, work) => this.#aggregation.after(ms, work),
    })
  }

  /** Begins the chain: before anything else is recorded. @param revision  of the policy in force */
  open(revision: string): void {
    this.#put(
      recordLine('chain.open', Date.now(), {
        'gatehouse.node': this.#node.id,
        'gatehouse.version': this.#node.version,
        'gatehouse.policy.revision': revision,
        'gatehouse.audit.key': this.#key?.id,
      }),
    )
  }

  /** The newest batch of this chain that Redis has taken; `undefined` before the first. */
  get head(): Witnessed | undefined {
    return this.#outbox.head(this.#chain.id)
  }

  /** Counts a refusal without a route. @returns false: below the rate, it gets a record of its own by `add` */
  aggregate(refusal: Refusal): boolean {
    return this.#refusals.take(refusal)
  }

  /** Keeps room for one record, with priority. @returns false when there is none */
  reserve(): boolean {
    if (!this.#roomy) return false
    this.#reserved++
    return true
  }

  /**
   * Takes a record.
   *
   * @param line  without its id, as `recordLine` gives it
   * @param priority  of an admitted exchange or an admin call: it may use the half of the room that is kept for these
   * @param reserved  room was kept for it
   */
  add(line: string, priority: boolean, reserved = false): void {
    if (reserved) this.#reserved--
    // Nothing comes behind the closing record.
    if (this.#closed || !(reserved || this.#roomFor(priority))) {
      this.#lose(priority)
      return
    }
    const losses = priority ? this.#losses.priority : this.#losses.common
    if (losses.ended()) this.#warn('info', 'audit records have room again', { priority, lost: this.#lost })
    try {
      this.#put(line, priority || reserved)
    } catch (error) {
      this.#lose(priority)
      void this.#task.attempt(() => {
        throw error
      })
    }
  }

  get status() {
    const { unsentMs, memoryBytes, spillBytes, logBytes, away, spillFault } = this.#outbox.status
    return {
      chain: this.#chain.id,
      in_contact: away === undefined,
      records: this.#records,
      lost: this.#lost,
      oldest_unsent_ms: unsentMs,
      memory_bytes: memoryBytes,
      spill: this.#spillMaxBytes === undefined ? null : { bytes: spillBytes, max_bytes: this.#spillMaxBytes },
      log_bytes: logBytes,
      trouble: spillFault === undefined ? (away ?? null) : `${away ?? ''}; spill: ${spillFault}`,
    }
  }

  collect(sink: MetricSink): void {
    const { unsentMs, memoryBytes, spillBytes, spilledBytes, logBytes, batches } = this.#outbox.status
    sink.value(instruments.auditRecords, this.#records, {})
    sink.value(instruments.auditLost, this.#lost, {})
    sink.value(instruments.auditAggregated, this.#refusals.aggregated, {})
    sink.value(instruments.auditUnsentAge, unsentMs / 1000, {})
    sink.value(instruments.auditMemory, memoryBytes, {})
    sink.value(instruments.auditSpill, spillBytes, {})
    sink.value(instruments.auditSpilled, spilledBytes, {})
    sink.value(instruments.auditLog, logBytes, {})
    sink.value(instruments.auditBatches, batches, {})
  }

  /** Ends the chain and hands over what it can in a moment; the rest is on disk for the next start, or lost and said. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#refusals.flush()
    this.#closed = true
    this.#end()
    const left = await this.#outbox.close(CLOSE_MS)
    if (left > 0)
      this.#warn('error', 'audit records are lost: the node stops, and neither Redis nor audit.spill took them', {
        records: left,
      })
  }

  /** The process is about to end by a fault: what waits goes to the disk, and the chain stays open. */
  flushSync(): void {
    try {
      this.#refusals.flush()
      this.#sealAll()
      this.#outbox.flushSync()
    } catch (error) {
      this.#warn('error', 'audit records are lost with the process', { reason: (error as Error).message })
    }
  }

  get #roomy(): boolean {
    return this.#chain.waiting + this.#reserved < WAITING_MAX && this.#chain.waitingBytes < WAITING_MAX_BYTES
  }

  /** Records without priority must leave half of the room, here and in the outbox. */
  #roomFor(priority: boolean): boolean {
    if (!this.#roomy) return false
    if (priority) return true
    const { commonRecords, commonBytes } = this.#chain
    return commonRecords < WAITING_MAX / 2 && commonBytes < WAITING_MAX_BYTES / 2 && this.#outbox.commonRoomy
  }

  #put(line: string, priority = true): void {
    this.#chain.add(line, priority)
    this.#records++
    if (this.#full && !this.#faulty) this.#flush()
    else this.#timer ??= this.#task.after(BATCH_MS, () => this.#flush())
  }

  /** A batch can be filled with what waits. */
  get #full(): boolean {
    return this.#chain.waiting >= BATCH_RECORDS || this.#chain.waitingBytes >= BATCH_BYTES
  }

  #lose(priority: boolean): void {
    this.#lost++
    this.#chain.lose()
    const began = (priority ? this.#losses.priority : this.#losses.common).began()
    if (!began || this.#closed) return
    const which = priority ? 'audit records' : 'audit records of refused requests'
    this.#warn('error', `${which} are lost: there is no room for them`, { priority })
  }

  #end(): void {
    const { id } = this.#node
    this.#put(recordLine('chain.close', Date.now(), { 'gatehouse.node': id, 'gatehouse.lost': this.#lost }))
    this.#sealAll()
  }

  /** Seals one batch where the outbox has room. A backlog follows batch by batch, each in a tick of its own. */
  #flush(): void {
    this.#timer?.()
    this.#timer = undefined
    if (!this.#outbox.roomy) return
    this.#faulty = true
    // A fault of the audit log ends neither an exchange nor the process. Waiting records stay, and are sealed later.
    void this.#task.attempt(() => {
      this.#seal()
      this.#faulty = false
    })
    if (this.#chain.waiting > 0) {
      this.#timer ??= this.#task.after(this.#full && !this.#faulty ? 0 : BATCH_MS, () => this.#flush())
    }
  }

  /** The outbox has room again: records that waited for it longer than a batch waits are sealed. */
  #flushFull(): void {
    if (this.#timer === undefined) this.#flush()
  }

  #seal(): void {
    if (this.#chain.waiting > 0) this.#outbox.push(this.#chain.seal(BATCH_RECORDS, BATCH_BYTES))
  }

  #sealAll(): void {
    this.#timer?.()
    this.#timer = undefined
    while (this.#chain.waiting > 0) this.#seal()
  }
}

/** Losses that lie close together are logged once. */
class Losses {
  #lastMs = Number.NEGATIVE_INFINITY
  #open = false

  /** Notes a loss. @returns whether it is the first of a series */
  began(): boolean {
    this.#lastMs = Date.now()
    const first = !this.#open
    this.#open = true
    return first
  }

  /** Once, when there has been no loss for a second. */
  ended(): boolean {
    if (!this.#open || Date.now() - this.#lastMs < LOSSES_MS) return false
    this.#open = false
    return true
  }
}

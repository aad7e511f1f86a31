import { Supervisor } from '../base/supervisor.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import { Chain } from './chain.ts'
import { Outbox, type OutboxOptions } from './outbox.ts'
import { recordLine } from './record-line.ts'
import { RefusalAggregator, type RefusedRequest } from './refusal-aggregator.ts'
import type { AuditKey, Witnessed } from './seal.ts'

const BATCH_RECORDS = 500
const BATCH_BYTES = 512 * 1024
const BATCH_MS = 200
/**
 * Limits of the records that wait to be sealed, reserved records included: number and bytes. Records without priority
 * can use half of each limit.
 */
const WAITING_MAX = 4096
const WAITING_MAX_BYTES = 8 * 1024 * 1024
/** Two losses of audit records less than this time apart belong to one series, which is logged once, ms. */
const LOSSES_MS = 1000
/** Maximum time to write waiting audit batches to Redis when the node stops, ms. */
const CLOSE_MS = 2000

export interface TrailOptions extends Pick<OutboxOptions, 'log' | 'spill' | 'redisMaxBytes' | 'memoryBytes' | 'warn'> {
  readonly node: { readonly id: string; readonly version: string }
  /**
   * Key for the HMAC of the seals. Without a key, the chain shows missing records but does not prove who wrote the
   * records.
   */
  readonly key: AuditKey | undefined
}

/**
 * Audit log of one run of the node. `add` is synchronous and never blocks the hot path. Records are sealed in batches
 * of at most 500 records or after 200 ms, whichever comes first. Records that exceed the limits are lost and counted;
 * the next batch states the number of lost records. Half of each limit is reserved for records with priority: the
 * records of admitted exchanges and of admin calls by authenticated callers. Refused clients therefore cannot displace
 * these records.
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
  /** Function that cancels the scheduled sealing of audit records; `undefined` when none is scheduled. */
  #timer: (() => void) | undefined
  #reserved = 0
  #records = 0
  #lost = 0
  readonly #losses = { priority: new Losses(), common: new Losses() }
  readonly #refusals: RefusalAggregator
  /** True when the last attempt to seal records failed. */
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

  /**
   * Starts the audit chain with an opening record. Must be called before any other record is added.
   *
   * @param revision  revision of the policy in force
   */
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

  /** Seals the next batches of audit records with this key. */
  sealWith(key: AuditKey | undefined): void {
    this.#chain.sealWith(key)
  }

  /**
   * Returns the newest batch of this node's audit chain that Redis has accepted; `undefined` before the first accepted
   * batch.
   */
  get head(): Witnessed | undefined {
    return this.#outbox.head(this.#chain.id)
  }

  /**
   * Counts a refused request that matched no route, for an aggregated audit record.
   *
   * @returns false when the rate of refusals is below the limit: the caller then adds a single record with `add`
   */
  aggregate(refusal: RefusedRequest): boolean {
    return this.#refusals.take(refusal)
  }

  /** Reserves room for one audit record with priority. @returns false when the limits of waiting records are reached */
  reserve(): boolean {
    if (!this.#roomy) return false
    this.#reserved++
    return true
  }

  /**
   * Adds an audit record to the chain.
   *
   * @param line  the record without its id, in the form of `recordLine`
   * @param priority  true for an admitted exchange or an admin call by an authenticated caller: the record can use the
   *   reserved half of the limits
   * @param reserved  true when the caller reserved room for this record with `reserve`
   */
  add(line: string, priority: boolean, reserved = false): void {
    if (reserved) this.#reserved--
    // An audit record that is added after `close` is lost and counted: the closing record must be the last record of
    // the chain.
    if (this.#closed || !(reserved || this.#roomFor(priority))) {
      this.#lose(priority)
      return
    }
    const losses = priority ? this.#losses.priority : this.#losses.common
    if (losses.ended())
      this.#warn('info', 'audit records are accepted again; `lost` is the number of records lost since the start', {
        priority,
        lost: this.#lost,
      })
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
    if (this.#spillMaxBytes !== undefined) sink.value(instruments.auditSpillMax, this.#spillMaxBytes, {})
    sink.value(instruments.auditSpilled, spilledBytes, {})
    sink.value(instruments.auditLog, logBytes, {})
    sink.value(instruments.auditBatches, batches, {})
  }

  /**
   * Ends the audit chain and writes waiting batches to Redis within `CLOSE_MS`. Batches that Redis does not accept in
   * this time go to the spill files, for the next start of the node. Batches that do not fit into the spill are lost,
   * and an error line states the number of lost records.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#refusals.flush()
    this.#closed = true
    this.#end()
    const left = await this.#outbox.close(CLOSE_MS)
    if (left > 0)
      this.#warn('error', 'audit records lost at stop: neither Redis nor audit.spill accepted them', {
        records: left,
      })
  }

  /**
   * Writes waiting audit records to the spill files before a fault or a second stop signal ends the process. The chain
   * gets no closing record.
   */
  flushSync(): void {
    try {
      this.#refusals.flush()
      this.#sealAll()
      this.#outbox.flushSync()
    } catch (error) {
      this.#warn('error', 'audit records lost: they could not be written to the spill before the process ended', {
        reason: (error as Error).message,
      })
    }
  }

  get #roomy(): boolean {
    return this.#chain.waiting + this.#reserved < WAITING_MAX && this.#chain.waitingBytes < WAITING_MAX_BYTES
  }

  /**
   * Whether an audit record can be added. Records without priority must leave half of the limits free, both for records
   * that wait to be sealed and for batches in the outbox.
   */
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

  /** Whether the audit records that wait to be sealed fill a batch. */
  get #full(): boolean {
    return this.#chain.waiting >= BATCH_RECORDS || this.#chain.waitingBytes >= BATCH_BYTES
  }

  #lose(priority: boolean): void {
    this.#lost++
    this.#chain.lose()
    const began = (priority ? this.#losses.priority : this.#losses.common).began()
    if (!began || this.#closed) return
    const which = priority ? 'audit records' : 'audit records of rejected requests'
    this.#warn(
      'error',
      `${which} are lost: Redis does not accept them in time, and the memory or spill for them is full`,
      { priority },
    )
  }

  #end(): void {
    const { id } = this.#node
    this.#put(recordLine('chain.close', Date.now(), { 'gatehouse.node': id, 'gatehouse.lost': this.#lost }))
    this.#sealAll()
  }

  /**
   * Seals one batch of audit records when the outbox has room. A backlog is sealed with one batch per turn of the event
   * loop.
   */
  #flush(): void {
    this.#timer?.()
    this.#timer = undefined
    if (!this.#outbox.roomy) return
    this.#faulty = true
    // An error while records are sealed must not end an exchange or the process. The records stay in memory and are
    // sealed later.
    void this.#task.attempt(() => {
      this.#seal()
      this.#faulty = false
    })
    if (this.#chain.waiting > 0) {
      this.#timer ??= this.#task.after(this.#full && !this.#faulty ? 0 : BATCH_MS, () => this.#flush())
    }
  }

  /**
   * Schedules the sealing of waiting audit records when the outbox has room again, unless a sealing is already
   * scheduled.
   */
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

/** Groups losses of audit records that are close in time into a series, so that each series is logged once. */
class Losses {
  #lastMs = Number.NEGATIVE_INFINITY
  #open = false

  /** Records the loss of one audit record. @returns true for the first loss of a series */
  began(): boolean {
    this.#lastMs = Date.now()
    const first = !this.#open
    this.#open = true
    return first
  }

  /**
   * Returns true once for each series of lost audit records: in the first call after `LOSSES_MS` without a further
   * loss.
   */
  ended(): boolean {
    if (!this.#open || Date.now() - this.#lastMs < LOSSES_MS) return false
    this.#open = false
    return true
  }
}

import { Supervisor } from '../base/supervisor.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import { Chain } from './chain.ts'
import { Outbox, type OutboxOptions } from './outbox.ts'
import { recordLine } from './record-line.ts'
import type { AuditKey, Witnessed } from './seal.ts'

const BATCH_RECORDS = 500
const BATCH_BYTES = 512 * 1024
const BATCH_MS = 200
/** Records that may wait for a batch to find room, those that are reserved included; and their bytes. */
const WAITING_MAX = 4096
const WAITING_MAX_BYTES = 8 * 1024 * 1024
/** At a stop. */
const CLOSE_MS = 2000

export interface TrailOptions extends Pick<OutboxOptions, 'log' | 'spill' | 'redisMaxBytes' | 'memoryBytes' | 'warn'> {
  readonly node: { readonly id: string; readonly version: string }
  /** `undefined`: the chain shows what is missing, and not who wrote it. */
  readonly key: AuditKey | undefined
}

/**
 * The audit log of one run of the node: takes records on the hot path, which wait for nothing, and hands them over in
 * sealed batches of 500 or of 200 ms, whichever is first. What finds no room is lost, and counted: the next batch says so.
 */
export class AuditTrail implements MetricSource {
  readonly #node: TrailOptions['node']
  readonly #chain: Chain
  readonly #outbox: Outbox
  readonly #key: AuditKey | undefined
  readonly #warn: TrailOptions['warn']
  readonly #spillMaxBytes: number | undefined
  readonly #task = new Supervisor('audit-seal')
  /** Cancels the next flush. */
  #timer: (() => void) | undefined
  #reserved = 0
  #records = 0
  #lost = 0
  #losing = false
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

  /** Keeps room for one record. @returns false when there is none */
  reserve(): boolean {
    if (!this.#roomy) return false
    this.#reserved++
    return true
  }

  /**
   * Takes a record.
   *
   * @param line  without its id, as `recordLine` gives it
   * @param reserved  room was kept for it
   */
  add(line: string, reserved = false): void {
    if (reserved) this.#reserved--
    // Nothing comes behind the closing record.
    if (this.#closed || !(reserved || this.#roomy)) {
      this.#lose()
      return
    }
    if (this.#losing) {
      this.#losing = false
      this.#warn('info', 'audit records find room again', { lost: this.#lost })
    }
    try {
      this.#put(line)
    } catch (error) {
      this.#lose()
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
      this.#sealAll()
      this.#outbox.flushSync()
    } catch (error) {
      this.#warn('error', 'audit records are lost with the process', { reason: (error as Error).message })
    }
  }

  get #roomy(): boolean {
    return this.#chain.waiting + this.#reserved < WAITING_MAX && this.#chain.waitingBytes < WAITING_MAX_BYTES
  }

  #put(line: string): void {
    this.#chain.add(line)
    this.#records++
    if (this.#full && !this.#faulty) this.#flush()
    else this.#timer ??= this.#task.after(BATCH_MS, () => this.#flush())
  }

  /** A batch can be filled with what waits. */
  get #full(): boolean {
    return this.#chain.waiting >= BATCH_RECORDS || this.#chain.waitingBytes >= BATCH_BYTES
  }

  #lose(): void {
    this.#lost++
    this.#chain.lose()
    if (this.#losing || this.#closed) return
    this.#losing = true
    this.#warn('error', 'audit records are lost: there is no room for them', {})
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

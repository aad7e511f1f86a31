import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import type { AuditLog } from './audit-log.ts'
import { type Batch, sizeOf } from './batch.ts'
import type { Seal, Witnessed } from './seal.ts'
import type { Spill } from './spill.ts'

/**
 * Writes a log line about the audit log.
 *
 * @param fields fields of the log line, which must not contain text from clients
 */
export type AuditWarn = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void

export interface OutboxOptions {
  readonly log: Pick<AuditLog, 'append' | 'size' | 'ready' | 'connections'>
  /** Spill files on disk; `undefined` when no spill folder is configured, so that waiting batches stay in memory. */
  readonly spill: Spill | undefined
  /** Maximum memory of the audit log in Redis, bytes. Above the limit no batch is written to Redis. */
  readonly redisMaxBytes: number
  /** Maximum size of all audit batches in memory that are neither in Redis nor on disk, bytes. */
  readonly memoryBytes: number
  readonly warn: AuditWarn
  /**
   * Called after each append to the audit log, with the newest batch of any chain that was in the log before the
   * append.
   */
  readonly saw: (newest: Witnessed) => void
  /** Called when audit batches have left the queue, so that the outbox can have room for further batches. */
  readonly roomy: () => void
}

/**
 * For this time (ms) after the start, a missing connection to Redis does not count as a failure, because the node is
 * still connecting.
 */
const START_MS = 1000
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 2000
const SIZE_EVERY_MS = 1000
/**
 * Age up to which batches that Redis accepted are kept in memory, to be sent again after a failure, ms. With
 * `appendfsync everysec`, a crash of Redis loses about one second of writes. A failover loses the writes that were not
 * replicated.
 */
const KEPT_MS = 3000
const KEPT_MAX_BYTES = 4 * 1024 * 1024

interface Waiting {
  readonly batch: Batch
  readonly sinceMs: number
}

/**
 * Writes audit batches to Redis in order, each at least once. While Redis is unavailable, slow or full, batches are
 * written to the spill files. A later batch never overtakes a batch in the spill. Batches are appended one at a time,
 * so a failure always concerns the next batch.
 */
export class Outbox {
  readonly #options: OutboxOptions
  /**
   * Measure waits by the monotonic clock: after a wall clock that was ahead is set back, audit records would wait for
   * hours.
   */
  readonly #startedMs = performance.now()
  /**
   * Audit batches that wait for Redis or the spill, oldest first.
   *
   * @bound `audit.memory` | batches go to the spill, else records are lost and counted | gatehouse_audit_memory_bytes
   */
  #queue: Waiting[] = []
  #queueBytes = 0
  /** Number of bytes in the queue that belong to audit records without priority. */
  #commonBytes = 0
  /**
   * True when more than half of the spill (files on disk) is used: only records with priority can use the remaining
   * half.
   */
  #spillHalfFull = false
  /**
   * Audit batches that Redis accepted in the last `KEPT_MS`. The outbox sends these batches again after a reconnect,
   * because the new server may not have them.
   *
   * @bound batches of the last 3 s, at most 4 MiB | the oldest is dropped | gatehouse_audit_memory_bytes
   */
  #kept: Waiting[] = []
  #keptBytes = 0
  /**
   * Audit batches that are sent again after a reconnect to Redis.
   *
   * @bound batches of the last 3 s, at most 4 MiB | the oldest is dropped | gatehouse_audit_memory_bytes
   */
  #again: Waiting[] = []
  #connections = 0
  /** True after a failed append to the audit log: batches that Redis accepted before the failure may be lost. */
  #doubtful = false
  #newest: Seal | undefined
  #retryAtMs = 0
  #retryMs = RETRY_MIN_MS
  #spillRetryAtMs = 0
  #sizedAtMs = Number.NEGATIVE_INFINITY
  #logBytes = 0
  #batches = 0
  #measures = true
  #away: string | undefined
  #spillFault: string | undefined
  #spilledBytes = 0
  readonly #task = new Supervisor('audit-outbox')
  #running: Promise<void> | undefined
  #wake: () => void = () => undefined
  #closing = false

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#measureSpill()
    if (options.spill?.empty === false) this.#run()
  }

  get roomy(): boolean {
    return this.#queueBytes < this.#options.memoryBytes
  }

  /**
   * Whether the outbox has room for batches with audit records without priority. Half of the memory and half of the
   * spill are reserved for records with priority.
   */
  get commonRoomy(): boolean {
    return this.#commonBytes < this.#options.memoryBytes / 2 && !this.#spillHalfFull
  }

  /** Returns the newest batch of an audit chain that Redis has accepted from this outbox. */
  head(chain: string): Seal | undefined {
    return this.#newest?.chain === chain ? this.#newest : undefined
  }

  get status() {
    const { spill } = this.#options
    const oldestMs = spill?.oldestMs ?? this.#queue[0]?.sinceMs
    return {
      unsentMs: oldestMs === undefined ? 0 : Math.max(0, Date.now() - oldestMs),
      memoryBytes: this.#queueBytes,
      spillBytes: spill?.bytes ?? 0,
      spilledBytes: this.#spilledBytes,
      logBytes: this.#logBytes,
      batches: this.#batches,
      /** Reason why no audit batch can be written to Redis now; `undefined` when writes succeed. */
      away: this.#away,
      spillFault: this.#spillFault,
    }
  }

  push(batch: Batch): void {
    this.#queue.push({ batch, sinceMs: Date.now() })
    this.#queueBytes += sizeOf(batch)
    this.#commonBytes += batch.commonBytes ?? 0
    this.#wake()
    this.#run()
  }

  /**
   * Writes waiting audit batches to Redis within the time limit. Remaining batches are written to the spill files.
   *
   * @param patienceMs  time limit, ms
   * @returns number of records that are neither in Redis nor on disk
   */
  async close(patienceMs: number): Promise<number> {
    this.#closing = true
    this.#wake()
    const late = setTimeout(() => {
      this.#retryAtMs = Number.POSITIVE_INFINITY
      this.#spillRetryAtMs = 0
      this.#wake()
    }, patienceMs)
    this.#task.stop()
    await this.#running
    // Try a failed delivery of audit batches once more here, because the stopped task does not start the delivery
    // again.
    if (this.#queue.length > 0) await this.#task.attempt(() => this.#deliver())
    clearTimeout(late)
    await this.#options.spill?.close()
    return this.#queue.reduce((count, { batch: { seal } }) => count + seal.last - seal.first + 1, 0)
  }

  /** Writes waiting audit batches to the spill files before a fault or a second stop signal ends the process. */
  flushSync(): void {
    if (this.#queue.length > 0) this.#options.spill?.appendSync(this.#queue.map(({ batch }) => batch))
  }

  #run(): void {
    this.#running ??= this.#task
      .run(() => this.#deliver())
      .then(() => {
        this.#running = undefined
        // Start another delivery for an audit batch that was added after the last check of the queue.
        if (this.#queue.length > 0 && !this.#closing) this.#run()
      })
  }

  async #deliver(): Promise<void> {
    const { log, spill } = this.#options
    for (;;) {
      if (log.connections !== this.#connections || this.#doubtful) this.#sendAgain()
      const spilled = spill?.empty === false
      if (this.#queue.length === 0 && this.#again.length === 0 && !spilled) return
      if (await this.#mayAppend()) {
        if (this.#again.length > 0) {
          if (await this.#append(this.#again[0]!)) this.#again.shift()
        } else if (spilled) await this.#appendSpilled(spill)
        else if (await this.#append(this.#queue[0]!)) this.#shift(1)
      }
      // Write the queue of audit batches to the spill files. New batches must not overtake batches in the spill, and
      // batches that cannot be written to Redis now are safer on disk.
      if (this.#queue.length > 0 && (spill?.empty === false || !(this.#allowed() || this.#starting))) {
        await this.#spillQueue()
      }
      if (this.#allowed()) continue
      if (this.#closing && (this.#queue.length === 0 || this.#retryAtMs === Number.POSITIVE_INFINITY)) return
      await this.#pause()
    }
  }

  #sendAgain(): void {
    this.#connections = this.#options.log.connections
    this.#doubtful = false
    // Place recently accepted audit batches before the batches that already wait to be sent again, to keep the order.
    this.#again.unshift(...this.#kept)
    this.#kept = []
    this.#keptBytes = 0
    if (Number.isFinite(this.#retryAtMs)) this.#retryAtMs = 0
  }

  get #starting(): boolean {
    return this.#options.log.connections === 0 && performance.now() - this.#startedMs < START_MS && !this.#closing
  }

  /**
   * Whether an append of audit batches to Redis can be tried: the connection is ready and the retry delay has passed.
   */
  #allowed(): boolean {
    return this.#options.log.ready && performance.now() >= this.#retryAtMs
  }

  async #mayAppend(): Promise<boolean> {
    if (!this.#options.log.ready && !this.#starting) this.#failed('no connection to Redis', 0)
    if (!this.#allowed()) return false
    if (this.#measures && performance.now() - this.#sizedAtMs >= SIZE_EVERY_MS) {
      try {
        this.#logBytes = await this.#options.log.size()
        this.#sizedAtMs = performance.now()
      } catch (error) {
        if (!(error instanceof RedisFault) || error.redisCode !== 'NOPERM') return this.#failed(messageOf(error))
        this.#measures = false
        this.#options.warn('warn', 'the size of the audit log cannot be measured: audit.redis_max is not enforced', {
          reason: error.message,
        })
      }
    }
    if (this.#logBytes <= this.#options.redisMaxBytes) return true
    this.#failed('the audit log in Redis has reached audit.redis_max', SIZE_EVERY_MS)
    return false
  }

  async #append(waiting: Waiting): Promise<boolean> {
    const { log, warn, saw } = this.#options
    try {
      const { seen, batches } = await log.append(waiting.batch)
      this.#batches = batches
      if (seen !== undefined) saw(seen)
    } catch (error) {
      this.#doubtful = this.#kept.length > 0
      return this.#failed(messageOf(error))
    }
    const { seal } = waiting.batch
    if (seal.chain !== this.#newest?.chain || seal.last > this.#newest.last) this.#newest = seal
    this.#retryMs = RETRY_MIN_MS
    if (this.#away !== undefined) warn('info', 'audit records are written to Redis again', {})
    this.#away = undefined
    this.#keep({ batch: waiting.batch, sinceMs: Date.now() })
    return true
  }

  async #appendSpilled(spill: Spill): Promise<void> {
    const before = spill.unreadable
    try {
      const batch = await spill.first()
      if (batch !== undefined && (await this.#append({ batch, sinceMs: 0 }))) spill.shift()
      // Call `first` again: after the last batch of a spill file was written to Redis, this call deletes the file.
      if (batch !== undefined) await spill.first()
      this.#measureSpill()
    } catch (error) {
      this.#failed(`the spill file cannot be read: ${messageOf(error)}`)
    }
    const lines = spill.unreadable - before
    if (lines > 0) this.#options.warn('warn', 'spill file of the audit log has unreadable lines', { lines })
  }

  /**
   * Records a failed delivery of audit batches and schedules the retry. @returns always false, the result of the failed
   * step
   */
  #failed(reason: string, restMs = this.#retryMs): false {
    if (this.#away === undefined) {
      this.#options.warn('warn', 'audit records cannot be written to Redis', {
        reason,
        meanwhile: this.#options.spill === undefined ? 'records wait in memory' : 'records are written to the spill',
      })
    }
    this.#away = reason
    this.#retryAtMs = Math.max(this.#retryAtMs, performance.now() + restMs)
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
    return false
  }

  async #spillQueue(): Promise<void> {
    const { spill, warn } = this.#options
    if (spill === undefined || performance.now() < this.#spillRetryAtMs) return
    const batches = this.#queue.map(({ batch }) => batch)
    const before = spill.bytes
    try {
      await spill.append(batches)
    } catch (error) {
      if (this.#spillFault === undefined) {
        warn('error', 'audit records cannot be written to the spill file', { reason: messageOf(error) })
      }
      this.#spillFault = messageOf(error)
      this.#spillRetryAtMs = performance.now() + SIZE_EVERY_MS
      return
    }
    if (this.#spillFault !== undefined) warn('info', 'audit records are written to the spill file again', {})
    this.#spillFault = undefined
    this.#spilledBytes += spill.bytes - before
    this.#shift(batches.length)
  }

  #shift(count: number): void {
    for (const { batch } of this.#queue.splice(0, count)) {
      this.#queueBytes -= sizeOf(batch)
      this.#commonBytes -= batch.commonBytes ?? 0
    }
    this.#measureSpill()
    this.#options.roomy()
  }

  #measureSpill(): void {
    const { spill } = this.#options
    this.#spillHalfFull = spill !== undefined && spill.bytes > spill.maxBytes / 2
  }

  #keep(waiting: Waiting): void {
    const since = waiting.sinceMs - KEPT_MS
    this.#kept.push(waiting)
    this.#keptBytes += sizeOf(waiting.batch)
    // A single batch can exceed `KEPT_MAX_BYTES`. The loop then removes this batch too, so that no batch is kept.
    for (let oldest = this.#kept[0]; oldest !== undefined; oldest = this.#kept[0]) {
      if (oldest.sinceMs >= since && this.#keptBytes <= KEPT_MAX_BYTES) return
      this.#kept.shift()
      this.#keptBytes -= sizeOf(oldest.batch)
    }
  }

  /** Waits until the next delivery to Redis is due or a new audit batch is added. */
  async #pause(): Promise<void> {
    const dueMs = Math.min(Math.max(this.#retryAtMs - performance.now(), RETRY_MIN_MS), RETRY_MAX_MS)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, dueMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => undefined
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown'
}

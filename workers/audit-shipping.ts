import { auditShards } from '../gateway/audit/shards.ts'
import { SinkMaker } from '../gateway/audit/sink-maker.ts'
import { Supervisor } from '../gateway/base/supervisor.ts'
import { ConfigError } from '../gateway/config/problem.ts'
import type { SinkSettings } from '../gateway/config/read-sinks.ts'
import type { Secrets } from '../gateway/config/secrets.ts'
import { JobSchedule } from '../gateway/queues/job-schedule.ts'
import { shipAudit } from '../gateway/queues/ship-audit.ts'
import type { RedisClient } from '../gateway/redis/redis-client.ts'
import type { RedisLink } from '../gateway/redis/redis-link.ts'
import { shipAuditHandler } from './jobs/ship-audit.ts'
import { QueueWorkers, type WorkerLog } from './queue-workers.ts'
import { SinkShipper } from './sink-shipper.ts'

interface AuditShippingDependencies {
  readonly sinks: readonly SinkSettings[]
  readonly secrets: Secrets
  readonly link: RedisLink
  readonly log: WorkerLog
}

/** Maximum number of shipping jobs per second for one sink. */
const RATE_PER_S = 20
/**
 * Time between two registrations of the worker's sinks and jobs in Redis, ms. They are repeated in case Redis has lost
 * its data.
 */
const UPKEEP_MS = 15_000
const RETRY_MS = 1000

/** Sends the records of the audit log to every sink in the settings. */
export class AuditShipping {
  readonly shippers: readonly SinkShipper[]
  readonly #maker: SinkMaker
  readonly #client: RedisClient
  readonly #shards: number
  readonly #schedule: JobSchedule<unknown>
  readonly #queues: QueueWorkers
  readonly #log: WorkerLog
  readonly #task = new Supervisor('audit-shipping-upkeep')
  /** Cancels the timer of the next registration of sinks and jobs. */
  #timer: (() => void) | undefined
  #started = false
  #closed = false
  #failing = false

  /** @throws {ConfigError} when a secret or a certificate of a sink cannot be read */
  constructor({ sinks, secrets, link, log }: AuditShippingDependencies) {
    const maker = new SinkMaker(secrets, log)
    this.#maker = maker
    const client = link.client('receipt', 'audit-log')
    this.#client = client
    this.shippers = sinks.map((settings) => {
      const sink = maker.make(settings)
      return new SinkShipper({ name: settings.name, sink, client, keys: link.keys })
    })
    if (maker.problems.length > 0) throw new ConfigError(maker.problems)
    this.#log = log
    this.#shards = auditShards(link.topology)
    this.#schedule = new JobSchedule(shipAudit, link)
    const byName = new Map(this.shippers.map((shipper) => [shipper.name, shipper]))
    this.#queues = new QueueWorkers({
      contract: shipAudit,
      link,
      // Run only one job at a time for each sink, so that records are sent in order, and no record is sent twice.
      concurrency: 1,
      work: shipAuditHandler((name) => byName.get(name)),
      log,
    })
  }

  /** Makes the sinks use the secrets and certificate files that reloaded settings name. */
  follow(sinks: readonly SinkSettings[]): void {
    this.#maker.follow(sinks)
  }

  /** Starts to ship. The sinks are registered in Redis as soon as the connection is established. */
  start(): void {
    if (this.shippers.length === 0) return
    this.#queues.retain(this.shippers.map(({ name }) => ({ name, ratePerS: RATE_PER_S })))
    if (this.#client.ready) this.#begin()
    // Do not call Redis before the connection is established: the call would fail. `RedisLink` logs a connection that
    // cannot be established.
    else this.#client.onReady(() => this.#begin())
  }

  /**
   * Starts the upkeep (the repeated registration) of the worker. Does nothing when a lost connection is established
   * again.
   */
  #begin(): void {
    if (this.#started || this.#closed) return
    this.#started = true
    void this.#task.attempt(() => this.#upkeep())
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true
    this.#timer?.()
    await this.#queues.close(graceMs)
    await this.#schedule.close()
    await Promise.all(this.shippers.map((shipper) => shipper.close()))
  }

  async #upkeep(): Promise<void> {
    let pauseMs = UPKEEP_MS
    try {
      for (const shipper of this.shippers) await this.#announce(shipper)
      this.#failing = false
    } catch (error) {
      pauseMs = RETRY_MS
      if (!this.#failing)
        this.#log('warn', 'delivery of audit records to sinks cannot be scheduled in Redis; the worker tries again', {
          reason: (error as Error).message,
        })
      this.#failing = true
    }
    if (!this.#closed) this.#timer = this.#task.after(pauseMs, () => this.#upkeep())
  }

  async #announce(shipper: SinkShipper): Promise<void> {
    for (let shard = 0; shard < this.#shards; shard++) {
      await shipper.register(shard)
      await this.#schedule.repeat(shipper.name, `shard-${shard}`, { sink: shipper.name, shard }, shipAudit.everyMs!)
    }
  }
}

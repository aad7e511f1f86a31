import { Supervisor } from '../base/supervisor.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { RedisFault } from '../redis/redis-fault.ts'

/** Maximum number of log entries that one script call deletes, so that the script does not block Redis. */
const DROPPED_AT_ONCE = 200
const PAUSE_MS = 5000
/** Maximum number of audit chains whose trim marks are stored: about 2 MB, enough for thousands of node starts. */
const MARKS_MAX = 10_000

interface LogTrimmerDependencies {
  readonly client: RedisClient
  readonly keys: RedisKeys
  readonly shard: number
  /**
   * Minimum age at which a log entry can be deleted after delivery to all sinks, ms. Ignored while the log takes more
   * than half of `maxBytes`.
   */
  readonly recentMs: number
  /** Maximum memory of the audit log in Redis, bytes. */
  readonly maxBytes: number
  /**
   * Audit sinks in the settings. Log entries that were not delivered to a sink are kept, even before the first start of
   * a worker.
   */
  readonly sinks: readonly string[]
}

/** Limits the size of the audit log in Redis. Each node that writes to the log also trims the log. */
export class LogTrimmer {
  readonly #dependencies: LogTrimmerDependencies
  readonly #trim: RedisScript
  readonly #task = new Supervisor('audit-trim')
  #end: (() => void) | undefined
  #closed = false

  constructor(dependencies: LogTrimmerDependencies) {
    this.#dependencies = dependencies
    this.#trim = dependencies.client.script(new URL('./trim-log.lua', import.meta.url))
  }

  start(): void {
    // Trim after random pauses, so that several nodes do not trim the audit log at the same time.
    this.#end = this.#task.repeat(
      () => PAUSE_MS * (0.5 + Math.random()),
      () => this.#run(),
    )
  }

  close(): void {
    this.#closed = true
    this.#end?.()
  }

  /**
   * Deletes log entries that may be deleted now.
   *
   * @returns number of deleted log entries
   * @throws {RedisFault} as a rejection
   */
  async trim(): Promise<number> {
    const { keys, shard, recentMs, maxBytes, sinks } = this.#dependencies
    const names = [keys.auditLog(shard), keys.auditCursors(shard), keys.auditTrimmed(shard)]
    let all = 0
    for (;;) {
      const limits = [recentMs, Math.floor(maxBytes / 2), DROPPED_AT_ONCE, MARKS_MAX]
      const dropped = Number(await this.#trim(names, [...limits, ...sinks]))
      all += dropped
      if (dropped < DROPPED_AT_ONCE || this.#closed) return all
    }
  }

  async #run(): Promise<void> {
    try {
      await this.trim()
    } catch (error) {
      // Ignores an outage of Redis: nothing is trimmed while Redis is unavailable, and the Redis link logs the outage.
      if (!(error instanceof RedisFault)) throw error
    }
  }
}

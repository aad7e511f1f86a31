import { Supervisor } from '../base/supervisor.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { RedisFault } from '../redis/redis-fault.ts'

/** Maximum number of entries that one script call drops, so that Redis is not blocked. */
const DROPPED_AT_ONCE = 200
const PAUSE_MS = 5000
/** Maximum number of chains whose trim marks are kept: about 2 MB, enough for thousands of node starts. */
const MARKS_MAX = 10_000

interface LogTrimmerDependencies {
  readonly client: RedisClient
  readonly keys: RedisKeys
  readonly shard: number
  /** Minimum age at which shipped entries may be dropped, ms. */
  readonly recentMs: number
  /** Memory that the log may take in Redis, bytes. */
  readonly maxBytes: number
  /** Sinks of the settings. Entries that a sink has not taken are kept, even before any worker has run. */
  readonly sinks: readonly string[]
}

/** Bounds the size of the log. Each node that writes to the log also trims it. */
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
    // Random pauses prevent several nodes from trimming at the same time.
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
   * @returns number of dropped entries.
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
      // Nothing is trimmed while Redis is unavailable. The Redis link logs the outage.
      if (!(error instanceof RedisFault)) throw error
    }
  }
}

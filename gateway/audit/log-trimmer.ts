import { Supervisor } from '../base/supervisor.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { RedisFault } from '../redis/redis-fault.ts'

/** Entries that one call drops, so that Redis is not held up. */
const DROPPED_AT_ONCE = 200
const PAUSE_MS = 5000
/** Chains of which it is remembered where they were trimmed, 2 MB: thousands of starts of nodes. */
const MARKS_MAX = 10_000

interface LogTrimmerParts {
  readonly client: RedisClient
  readonly keys: RedisKeys
  readonly shard: number
  /** So long entries stay that every sink has taken, ms. */
  readonly recentMs: number
  /** Memory that the log may take in Redis, bytes. */
  readonly maxBytes: number
  /** Sinks of the settings: what they have not taken stays, also before a worker has ever run. */
  readonly sinks: readonly string[]
}

/** Keeps the log from growing: whoever writes to it also sees to what may go. */
export class LogTrimmer {
  readonly #parts: LogTrimmerParts
  readonly #trim: RedisScript
  readonly #task = new Supervisor('audit-trim')
  #end: (() => void) | undefined
  #closed = false

  constructor(parts: LogTrimmerParts) {
    this.#parts = parts
    this.#trim = parts.client.script(new URL('./trim-log.lua', import.meta.url))
  }

  start(): void {
    // The pauses are spread, so that nodes do not trim at the same time.
    this.#end = this.#task.repeat(
      () => PAUSE_MS * (0.5 + Math.random()),
      () => this.#run(),
    )
  }

  close(): void {
    this.#closed = true
    this.#end?.()
  }

  /** @returns entries that were dropped. @throws {RedisFault} as a rejection */
  async trim(): Promise<number> {
    const { keys, shard, recentMs, maxBytes, sinks } = this.#parts
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
      // While Redis is unavailable nothing is trimmed; the link logs that.
      if (!(error instanceof RedisFault)) throw error
    }
  }
}

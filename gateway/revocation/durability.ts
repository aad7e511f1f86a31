import { performance } from 'node:perf_hooks'
import type { RedisClient } from '../redis/redis-client.ts'

/** Maximum wait for the confirmation of a Redis replica, ms; shorter than the deadline of the Redis connection. */
const REPLICA_MS = 200
/** Maximum wait until Redis has written to disk, ms; shorter than the deadline of the Redis connection. */
const DISK_MS = 2500
/**
 * Time for which the node remembers that a Redis master has no replicas, ms. Without this memory, each wait for a
 * replica that does not exist would last `REPLICA_MS`.
 */
const ALONE_MS = 1000

export interface ConfirmedCopies {
  readonly replicas: number
  readonly fsynced: boolean
}

/** Reports whether the last write of a Redis connection reached a Redis replica and the disk of the master. */
export class Durability {
  readonly #client: RedisClient
  readonly #key: string
  #aloneUntil = Number.NEGATIVE_INFINITY

  /** @param key  Redis key that was written; it selects the Redis master to query */
  constructor(client: RedisClient, key: string) {
    this.#client = client
    this.#key = key
  }

  /**
   * Returns which copies of the last Redis write exist: on a replica, and on disk. An error in Redis counts as no copy
   * and is not thrown, because the write itself succeeded.
   *
   * @param disk  whether to wait for the disk too
   */
  async confirm(disk: boolean): Promise<ConfirmedCopies> {
    const fsynced = disk && (await this.#onDisk().catch(() => false))
    return { replicas: await this.#replicas().catch(() => 0), fsynced }
  }

  /**
   * Whether the Redis master wrote its append-only file to disk. The promise rejects when the master has no append-only
   * file.
   */
  async #onDisk(): Promise<boolean> {
    const [local] = (await this.#client.callBeside(this.#key, 'WAITAOF', 1, 0, DISK_MS)) as [number, number]
    return local >= 1
  }

  async #replicas(): Promise<number> {
    if (performance.now() < this.#aloneUntil) return 0
    const role = (await this.#client.callBeside(this.#key, 'ROLE')) as unknown[]
    if (!Array.isArray(role[2]) || role[2].length === 0) {
      this.#aloneUntil = performance.now() + ALONE_MS
      return 0
    }
    return Number(await this.#client.callBeside(this.#key, 'WAIT', 1, REPLICA_MS))
  }
}

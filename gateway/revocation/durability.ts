import { performance } from 'node:perf_hooks'
import type { RedisClient } from '../redis/redis-client.ts'

/** Longest wait for a replica, ms. Below the deadline of the connection. */
const REPLICA_MS = 200
/** Longest wait for the disk, ms. Below the deadline of the connection. */
const DISK_MS = 2500
/**
 * Time for which a master without replicas is remembered, ms. A wait for replicas that do not exist would always last
 * `REPLICA_MS`.
 */
const ALONE_MS = 1000

export interface ConfirmedCopies {
  readonly replicas: number
  readonly fsynced: boolean
}

/** Reports whether the last write of a connection reached a replica and the disk. */
export class Durability {
  readonly #client: RedisClient
  readonly #key: string
  #aloneUntil = Number.NEGATIVE_INFINITY

  /** @param key  key that was written; it selects the master to query */
  constructor(client: RedisClient, key: string) {
    this.#client = client
    this.#key = key
  }

  /**
   * Returns the copies of the last write. An error in Redis counts as no copy and is not thrown, because the write
   * itself succeeded.
   *
   * @param disk  whether to wait for the disk too
   */
  async confirm(disk: boolean): Promise<ConfirmedCopies> {
    const fsynced = disk && (await this.#onDisk().catch(() => false))
    return { replicas: await this.#replicas().catch(() => 0), fsynced }
  }

  /** Whether the master wrote its append-only file to disk. Rejects when the master has no append-only file. */
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

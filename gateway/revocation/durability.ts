import { performance } from 'node:perf_hooks'
import type { RedisClient } from '../redis/redis-client.ts'

/** How long a replica, and the disk, is waited for, ms. Below the deadline of the connection. */
const REPLICA_MS = 200
const DISK_MS = 2500
/** So long it is believed that a master has no replicas, ms: to wait for none would take all of the time. */
const ALONE_MS = 1000

export interface Copies {
  readonly replicas: number
  readonly fsynced: boolean
}

/** Where what was last written on a connection has got to. */
export class Durability {
  readonly #client: RedisClient
  readonly #key: string
  #aloneUntil = Number.NEGATIVE_INFINITY

  /** @param key  what was written: it says which master to ask */
  constructor(client: RedisClient, key: string) {
    this.#client = client
    this.#key = key
  }

  /**
   * Trouble here is no failure: it was written, and the receipt says how far it is known to have got.
   *
   * @param disk  waits for the disk too
   */
  async of(disk: boolean): Promise<Copies> {
    const fsynced = disk && (await this.#onDisk().catch(() => false))
    return { replicas: await this.#replicas().catch(() => 0), fsynced }
  }

  /** On the master's own. An error where it keeps no append-only file. */
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

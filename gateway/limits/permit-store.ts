import type { LimitRule } from '../base/limit-rule.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { LeaseCall, LeaseReply } from './lease.ts'
import { spanTicks, tickUs } from './ticks.ts'

/** Counts of a rate limit window in the whole cluster, number of requests. */
export interface WindowCount {
  /** Number of requests in the window, including leased permits. */
  readonly used: number
  /** Number of leased permits that nodes can still spend. */
  readonly held: number
}

/**
 * The cluster's rate limit windows, stored in Redis. Methods throw `RedisFault`; Redis can have run a call that failed.
 */
export class PermitStore {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #cluster: boolean
  readonly #takePermits: RedisScript
  readonly #returnPermits: RedisScript
  readonly #leasePermits: RedisScript
  readonly #countWindow: RedisScript

  /** Uses the `store` connection, the connection for calls for which HTTP requests wait. */
  constructor({ store: client, keys, topology }: Pick<RedisLink, 'store' | 'keys' | 'topology'>) {
    this.#client = client
    this.#keys = keys
    this.#cluster = topology === 'cluster'
    this.#takePermits = client.script(new URL('./take-permits.lua', import.meta.url))
    this.#returnPermits = client.script(new URL('./return-permits.lua', import.meta.url))
    this.#countWindow = client.script(new URL('./count-window.lua', import.meta.url))
    this.#leasePermits = client.script(new URL('./lease-permits.lua', import.meta.url))
  }

  key(rule: LimitRule, identity: string): string {
    return this.#keys.limit(rule.mode, rule.key, identity)
  }

  /**
   * Returns the Redis Cluster slot of a key. One call can decide all keys of a slot. Without Redis Cluster, all keys
   * are in one slot.
   */
  slotOf(key: string): string {
    return this.#cluster ? key.slice(key.indexOf('{') + 1, key.indexOf('}')) : ''
  }

  /** Runs the script take-permits.lua with its arguments, and returns its reply. All keys must be in one slot. */
  async take(keys: readonly string[], args: readonly number[]): Promise<readonly number[]> {
    return (await this.#takePermits(keys, args)) as number[]
  }

  async giveBack(keys: readonly string[], args: readonly number[]): Promise<void> {
    await this.#returnPermits(keys, args)
  }

  async lease(key: string, rule: LimitRule, lease: LeaseCall): Promise<LeaseReply> {
    const { holdTicks, held, kept, wanted, needed, owner, reported, spent } = lease
    const terms = [rule.requests, spanTicks(rule), tickUs(rule), holdTicks, held, kept, wanted, needed]
    const reply = await this.#leasePermits([key], [...terms, owner, lease.call, reported, ...spent])
    const [field, permits, waitMs, holders, left] = reply as [string, number, number, number, number]
    return { lease: field, permits, waitMs, holders, left }
  }

  /** Reads the counts of a rate limit window in the whole cluster. Changes nothing. */
  async count(key: string, rule: LimitRule): Promise<WindowCount> {
    const [used, held] = (await this.#countWindow([key], [rule.mode, spanTicks(rule), tickUs(rule)])) as [
      number,
      number,
    ]
    return { used, held }
  }

  /** Deletes a rate limit window in Redis. @returns whether the window existed */
  async forget(key: string): Promise<boolean> {
    return Number(await this.#client.call('DEL', key)) > 0
  }
}

/** Whether a call to Redis timed out: Redis did not reply in time, or this node was paused. */
export function isTimeout(fault: unknown): boolean {
  return fault instanceof RedisFault && fault.redisCode === 'TIMEOUT'
}

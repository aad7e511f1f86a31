import type { LimitRule } from '../base/limit-rule.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { LeaseCall, LeaseReply } from './lease.ts'
import { spanTicks, tickUs } from './ticks.ts'

/** Counts of a window in the whole cluster, requests. */
export interface WindowCount {
  /** Requests in the window, including leased permits. */
  readonly used: number
  /** Leased permits that nodes can still spend. */
  readonly held: number
}

/** Rate limit windows of the cluster, in Redis. Throws `RedisFault`; a call that failed may still have run. */
export class PermitStore {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #cluster: boolean
  readonly #takePermits: RedisScript
  readonly #returnPermits: RedisScript
  readonly #leasePermits: RedisScript
  readonly #countWindow: RedisScript

  /** Uses the `store` connection, for which HTTP requests may wait. */
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

  /** Slot of a key: one call can decide all keys of a slot. Without Redis Cluster, all keys are in one slot. */
  slotOf(key: string): string {
    return this.#cluster ? key.slice(key.indexOf('{') + 1, key.indexOf('}')) : ''
  }

  /** Runs take-permits.lua, with its arguments and reply. All keys must be of one slot. */
  async take(keys: readonly string[], args: readonly number[]): Promise<readonly number[]> {
    return (await this.#takePermits(keys, args)) as number[]
  }

  async giveBack(keys: readonly string[], args: readonly number[]): Promise<void> {
    await this.#returnPermits(keys, args)
  }

  async lease(key: string, rule: LimitRule, call: LeaseCall): Promise<LeaseReply> {
    const { holdTicks, held, kept, wanted, needed, id, spent } = call
    const terms = [rule.requests, spanTicks(rule), tickUs(rule), holdTicks, held, kept, wanted, needed, id]
    const reply = (await this.#leasePermits([key], [...terms, ...spent])) as [string, number, number, number, number]
    const [lease, permits, waitMs, holders, left] = reply
    return { lease, permits, waitMs, holders, left }
  }

  /** Counts a window in the whole cluster. Changes nothing. */
  async count(key: string, rule: LimitRule): Promise<WindowCount> {
    const [used, held] = (await this.#countWindow([key], [rule.mode, spanTicks(rule), tickUs(rule)])) as [
      number,
      number,
    ]
    return { used, held }
  }

  /** Deletes a window. @returns whether the window existed */
  async forget(key: string): Promise<boolean> {
    return Number(await this.#client.call('DEL', key)) > 0
  }
}

/** Whether a call timed out: Redis did not reply in time, or this node was paused. */
export function isTimeout(fault: unknown): boolean {
  return fault instanceof RedisFault && fault.redisCode === 'TIMEOUT'
}

import type { LimitRule } from '../base/limit-rule.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { LeaseCall, LeaseReply } from './lease.ts'
import { spanTicks, tickUs } from './ticks.ts'

/** In requests. */
export interface WindowCount {
  readonly used: number
  readonly held: number
}

/** The windows of the cluster, in Redis. What it throws is a `RedisFault`: the call may have been carried out or not. */
export class PermitStore {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #cluster: boolean
  readonly #takePermits: RedisScript
  readonly #returnPermits: RedisScript
  readonly #leasePermits: RedisScript
  readonly #countWindow: RedisScript

  /** What is asked for goes over the connection that requests may wait for. */
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

  /** Keys of one slot can be decided in one call. Where Redis is no Cluster, those are all keys. */
  slotOf(key: string): string {
    return this.#cluster ? key.slice(key.indexOf('{') + 1, key.indexOf('}')) : ''
  }

  /** Arguments and reply as in take-permits.lua; the keys of one slot. */
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

  /** What the cluster has counted in a window: requests, permits in hands included; and those permits. */
  async count(key: string, rule: LimitRule): Promise<WindowCount> {
    const [used, held] = (await this.#countWindow([key], [rule.mode, spanTicks(rule), tickUs(rule)])) as [
      number,
      number,
    ]
    return { used, held }
  }

  /** Empties a window. @returns whether there was one */
  async forget(key: string): Promise<boolean> {
    return Number(await this.#client.call('DEL', key)) > 0
  }
}

/** Redis did not answer in time, or this node did not listen. */
export function isTimeout(fault: unknown): boolean {
  return fault instanceof RedisFault && fault.redisCode === 'TIMEOUT'
}

import { exactTicks, type LimitRule, leasedTicks } from '../base/limit-rule.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import type { LeaseCall, LeaseReply } from './lease.ts'

/** The windows of the cluster, in Redis. What it throws is a `RedisFault`: the call may have been carried out or not. */
export class PermitStore {
  readonly #keys: RedisKeys
  readonly #takePermits: RedisScript
  readonly #returnPermits: RedisScript
  readonly #leasePermits: RedisScript

  /** @param client  for calls that a request may wait for */
  constructor(client: RedisClient, keys: RedisKeys) {
    this.#keys = keys
    this.#takePermits = client.script(new URL('./take-permits.lua', import.meta.url))
    this.#returnPermits = client.script(new URL('./return-permits.lua', import.meta.url))
    this.#leasePermits = client.script(new URL('./lease-permits.lua', import.meta.url))
  }

  key(rule: LimitRule, identity: string): string {
    return this.#keys.limit(rule.mode, rule.key, identity)
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
}

/** Redis did not answer in time, or this node did not listen. */
export function isTimeout(fault: unknown): boolean {
  return fault instanceof RedisFault && fault.redisCode === 'TIMEOUT'
}

/** Of what a window is counted by. */
export function tickUs({ mode, requests, windowMs }: LimitRule): number {
  return Math.max(10, Math.floor((windowMs * 1000) / (mode === 'exact' ? exactTicks(requests) : leasedTicks)))
}

export function spanTicks(rule: LimitRule): number {
  return Math.ceil((rule.windowMs * 1000) / tickUs(rule))
}

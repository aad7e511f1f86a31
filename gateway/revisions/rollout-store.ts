import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { redisTimeMs } from '../redis/redis-time.ts'

/**
 * Time for which the request counts of a rollout stay in Redis after their last change, ms. A node that lost its
 * contact to Redis can return within this time.
 */
const COUNTS_MS = 3_600_000
/**
 * Duration of the lease on evaluating a rollout, ms. If the holder of the lease has stopped, another member takes over
 * after this time.
 */
const LEASE_MS = 4000

/**
 * Reads and writes the request counts, the lease and the outcome of rollouts in Redis. Does not verify MACs: the caller
 * must do so.
 */
export class RolloutStore {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #report: RedisScript

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client
    this.#keys = keys
    this.#report = client.script(new URL('./set-expiring-field.lua', import.meta.url))
  }

  /** Returns the current time by the clock of Redis, ms since the Unix epoch. @throws {RedisFault} as a rejection */
  async nowMs(): Promise<number> {
    return Math.floor(await redisTimeMs(this.#client))
  }

  /**
   * Returns the envelope of the outcome of the last rollout; `''` when no outcome is stored.
   *
   * @throws {RedisFault} as a rejection
   */
  async outcome(): Promise<string> {
    return String((await this.#client.call('GET', this.#keys.policyRollout)) ?? '')
  }

  /** Publishes the request counts of a member. @throws {RedisFault} as a rejection */
  async report(sequence: number, member: string, text: string): Promise<void> {
    await this.#report([this.#keys.policyRolloutCounts(sequence)], [member, text, COUNTS_MS])
  }

  /**
   * Returns the envelopes of the request counts, by member. Includes members that have stopped.
   *
   * @throws {RedisFault} as a rejection
   */
  async reports(sequence: number): Promise<ReadonlyMap<string, string>> {
    const pairs = (await this.#client.call('HGETALL', this.#keys.policyRolloutCounts(sequence))) as string[]
    const map = new Map<string, string>()
    for (let i = 0; i + 1 < pairs.length; i += 2) map.set(pairs[i]!, pairs[i + 1]!)
    return map
  }

  /**
   * Acquires or renews the lease of the member that evaluates the rollout. The lease only avoids duplicate work: two
   * members can never both change the rollout, because every change is a compare-and-set of the activation.
   *
   * @throws {RedisFault} as a rejection
   */
  async hold(member: string): Promise<boolean> {
    const key = this.#keys.policyRolloutHolder
    if ((await this.#client.call('SET', key, member, 'NX', 'PX', LEASE_MS)) === 'OK') return true
    if ((await this.#client.call('GET', key)) !== member) return false
    await this.#client.call('PEXPIRE', key, LEASE_MS)
    return true
  }
}

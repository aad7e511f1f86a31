import { GatewayFault } from '../base/fault.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient } from '../redis/redis-client.ts'

/** Records of used proofs in Redis, which all nodes share. */
export class UsedProofs {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #lifeMs: number
  readonly #epochId: () => string

  /**
   * @param lifeMs  time for which a used proof is recorded, ms
   * @param epochId  id of the data in Redis, as far as this node knows it
   */
  constructor(client: RedisClient, keys: RedisKeys, lifeMs: number, epochId: () => string) {
    this.#client = client
    this.#keys = keys
    this.#lifeMs = lifeMs
    this.#epochId = epochId
  }

  /**
   * Records a DPoP proof as used, atomically. One round trip to Redis.
   *
   * The epoch is read after the record was written. An unchanged epoch then shows that Redis had its data, and thus all
   * records, when it accepted the proof.
   *
   * @param name  hash of thumbprint and `jti`, in hexadecimal
   * @returns false when the proof was used before
   * @throws {GatewayFault} as a rejection: `store-unavailable` when Redis is unavailable or has lost its data. The
   *   proof may have been recorded
   */
  async use(name: string): Promise<boolean> {
    // Send the write and the read of the epoch in one tick: Redis then runs them in this order.
    const [recorded, epoch] = await Promise.all([
      this.#client.call('SET', this.#keys.usedProof(name), '', 'NX', 'PX', this.#lifeMs),
      this.#client.call('GET', this.#keys.epoch),
    ])
    const id = this.#epochId()
    if (id === '' || String(epoch ?? '').split(' ', 1)[0] !== id) {
      throw new GatewayFault(
        'store-unavailable',
        'store',
        'Redis has lost its data: it is unknown which DPoP proofs were already used',
      )
    }
    return recorded === 'OK'
  }
}

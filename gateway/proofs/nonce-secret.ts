import { randomBytes } from 'node:crypto'
import type { SharedState } from '../cluster/shared-state.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient } from '../redis/redis-client.ts'

/**
 * The secret from which all nodes derive the keys of their nonces. The first node of a cluster creates the secret in
 * Redis; it never changes while Redis keeps its data.
 */
export class NonceSecret implements SharedState {
  readonly kinds = []
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  #bytes = randomBytes(32)

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client
    this.#keys = keys
  }

  /** The secret of the nonces, 32 bytes; the same object until the secret changes. */
  get bytes(): Buffer {
    return this.#bytes
  }

  apply(): void {}

  async catchUp(): Promise<void> {
    const own = this.#bytes.toString('base64url')
    const before = await this.#client.call('SET', this.#keys.nonceSecret, own, 'NX', 'GET')
    if (before !== null && before !== own) this.#bytes = Buffer.from(String(before), 'base64url')
  }
}

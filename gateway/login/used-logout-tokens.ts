import { createHash } from 'node:crypto'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'

/** Logout tokens that have ended their sessions. Stored in Redis, for all nodes. Throws `RedisFault` as a rejection. */
export class UsedLogoutTokens {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #add: RedisScript

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client
    this.#keys = keys
    this.#add = client.script(new URL('./use-logout-token.lua', import.meta.url))
  }

  async has(issuer: string, tokenId: string): Promise<boolean> {
    return (await this.#client.call('EXISTS', this.#keyOf(issuer, tokenId))) === 1
  }

  /**
   * Marks a logout token as used.
   *
   * @param lifeMs  time for which the token could be replayed, ms
   */
  async add(issuer: string, tokenId: string, lifeMs: number): Promise<void> {
    await this.#add([this.#keyOf(issuer, tokenId)], [Math.ceil(lifeMs)])
  }

  #keyOf(issuer: string, tokenId: string): string {
    return this.#keys.usedLogoutToken(createHash('sha256').update(`${issuer}\0${tokenId}`).digest('hex').slice(0, 32))
  }
}

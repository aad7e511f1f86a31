import { createHash } from 'node:crypto'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'

/** Logout tokens that were used, known to the whole cluster. Throws `RedisFault` as a rejection. */
export class UsedLogoutTokens {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #use: RedisScript

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client
    this.#keys = keys
    this.#use = client.script(new URL('./use-logout-token.lua', import.meta.url))
  }

  /**
   * Notes a use. @returns false when there was one before
   *
   * @param lifeMs  so long the token could be used again
   */
  async use(issuer: string, tokenId: string, lifeMs: number): Promise<boolean> {
    return (await this.#use([this.#keyOf(issuer, tokenId)], [Math.ceil(lifeMs)])) === 1
  }

  /** It came to nothing, and may be used once more. */
  async forget(issuer: string, tokenId: string): Promise<void> {
    await this.#client.call('DEL', this.#keyOf(issuer, tokenId))
  }

  #keyOf(issuer: string, tokenId: string): string {
    return this.#keys.usedLogoutToken(createHash('sha256').update(`${issuer}\0${tokenId}`).digest('hex').slice(0, 32))
  }
}

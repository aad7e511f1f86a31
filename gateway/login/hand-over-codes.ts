import { randomBytes } from 'node:crypto'
import type { Sealer } from '../base/sealer.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import { attemptHash } from './attempt.ts'

/** Time for which a hand-over code can be redeemed, ms. */
const CODE_MS = 30_000
const CODE_BYTES = 16
const form = /^[A-Za-z0-9_-]{22}$/

/** Content of a hand-over code: a login that one browser can take over at one host. */
export interface HandedOver {
  /** Name in the policy of the issuer of the session that is handed over. */
  readonly issuerName: string
  /** Id of the session that the browser takes over. */
  readonly session: string
  /** {@link attemptHash} of the login cookie that the browser must have at the host. */
  readonly browser: string
  /** Path and query of the host to which the browser returns. */
  readonly returnTo: string
}

/**
 * Hand-over codes: 128 random bits, valid once, for 30 s, at one host. Redis stores the content of a code, sealed
 * (encrypted), under a hash of the code and the host. Methods reject with `RedisFault`.
 */
export class HandOverCodes {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #sealer: Sealer

  /** @param sealer  sealer with the purpose `login-state` */
  constructor(client: RedisClient, keys: RedisKeys, sealer: Sealer) {
    this.#client = client
    this.#keys = keys
    this.#sealer = sealer
  }

  /** @param origin  origin of the host at which the code can be redeemed */
  async issue(content: HandedOver, origin: string): Promise<string> {
    const code = randomBytes(CODE_BYTES).toString('base64url')
    const key = this.#keyOf(code, origin)
    await this.#client.call('SET', key, this.#sealer.seal(JSON.stringify(content), key), 'PX', CODE_MS)
    return code
  }

  /**
   * Redeems a code and returns its content. Of concurrent calls for one code, at most one gets the content.
   *
   * @returns `undefined` when the code is unknown, expired or already redeemed, or belongs to another host
   */
  async redeem(code: string | undefined, origin: string): Promise<HandedOver | undefined> {
    if (code === undefined || !form.test(code)) return undefined
    const key = this.#keyOf(code, origin)
    const blob = (await this.#client.callBuffer('GET', key)) as Buffer | null
    const text = blob === null ? undefined : this.#sealer.open(blob, key)
    if (text === undefined || (await this.#client.call('DEL', key)) !== 1) return undefined
    return JSON.parse(text) as HandedOver
  }

  #keyOf(code: string, origin: string): string {
    return this.#keys.handOverCode(attemptHash(`code ${code} ${origin}`))
  }
}

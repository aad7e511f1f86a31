import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Supervisor } from '../base/supervisor.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import { attemptHash } from './attempt.ts'

/** Time for which a redemption marker outlives its login attempt, ms, because the clocks of nodes differ. */
const CLOCK_SKEW_MS = 60_000
/**
 * Pauses before the attempts to remove a redemption marker, ms. Removal is needed when Redis did not reply to the
 * redemption.
 */
const RELEASE_AFTER_MS = [0, 500, 2000, 8000, 30_000] as const
/**
 * Maximum number of redemption markers that are being removed in the background at the same time. Any further marker
 * stays until it expires, and the user must then start the login again.
 */
const RELEASING_MAX = 1000

/** Redeems each login attempt at most once. Each redeemed attempt has a marker in Redis, which all nodes see. */
export class Redemptions {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #release: RedisScript
  readonly #task = new Supervisor('login-redemptions')
  #releasing = 0

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client
    this.#keys = keys
    this.#release = client.script(new URL('./release-login.lua', import.meta.url))
  }

  /**
   * Redeems the `state` of a login, atomically. One round trip to Redis.
   *
   * @param leftMs  remaining validity of the login attempt, ms
   * @returns false when the state was redeemed before
   * @throws {RedisFault} as a rejection: the attempt can be redeemed later. If Redis may have written the marker
   *   without a reply, the marker is removed in the background.
   */
  async redeem(state: string, leftMs: number): Promise<boolean> {
    const key = this.#keyOf(state)
    const redemption = randomBytes(9).toString('base64url')
    const lifeMs = Math.ceil(leftMs + CLOCK_SKEW_MS)
    try {
      return (await this.#client.call('SET', key, redemption, 'NX', 'PX', lifeMs)) === 'OK'
    } catch (error) {
      if (mayHaveRun(error)) void this.#task.attempt(() => this.#releaseLater(key, redemption))
      throw error
    }
  }

  /**
   * Whether a `state` has been redeemed.
   *
   * @throws {RedisFault} as a rejection
   */
  async isRedeemed(state: string): Promise<boolean> {
    return (await this.#client.call('EXISTS', this.#keyOf(state))) === 1
  }

  #keyOf(state: string): string {
    return this.#keys.redeemedLogin(attemptHash(state))
  }

  async #releaseLater(key: string, redemption: string): Promise<void> {
    if (this.#releasing >= RELEASING_MAX) return
    this.#releasing++
    for (const waitMs of RELEASE_AFTER_MS) {
      if (waitMs > 0) await setTimeout(waitMs, undefined, { ref: false })
      try {
        await this.#release([key], [redemption])
        break
      } catch {
        // Retry a failed removal of a marker after the next wait in `RELEASE_AFTER_MS`. After the last attempt the
        // marker stays until the marker expires.
      }
    }
    this.#releasing--
  }
}

function mayHaveRun(error: unknown): boolean {
  return error instanceof RedisFault && (error.redisCode === 'TIMEOUT' || error.redisCode === 'DISCONNECTED')
}

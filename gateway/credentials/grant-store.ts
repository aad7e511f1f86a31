import { randomBytes } from 'node:crypto'
import type { Sealer } from '../base/sealer.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'

/** Longest time for which Redis stores the reason of a failed token request, ms. */
export const FAILURE_MAX_MS = 30_000
/** Largest tolerated difference between the clocks of two processes that share tokens, ms. */
const CLOCKS_MS = 60_000

/** Token of the gate at an issuer. Times are ms since the epoch by the clock of this process. */
export interface GrantToken {
  /** Random id of the stored token, 16 hexadecimal digits. */
  readonly id: string
  /** Value of the field `Authorization` with the token. */
  readonly bearer: string
  readonly expiresAtMs: number
  /** Time from which the token is due for renewal, ms since the epoch: after two thirds of its lifetime. */
  readonly renewAtMs: number
}

/**
 * Decrypted content of the field `b` of a grant in Redis. The other fields of the Redis hash are not encrypted or
 * authenticated.
 */
interface SealedGrant {
  readonly token: string
  /** Time at which the stored token expires, by the clock of the process that stored it, ms since the epoch. */
  readonly untilMs: number
  readonly lifetimeMs: number
}

/** Result of a read of the stored token of a grant, or of an attempt to acquire the lock for a token request. */
export type GrantLookup =
  | { readonly kind: 'token'; readonly token: GrantToken }
  /**
   * The stored token cannot be decrypted with the configured keys, was stored for another grant or id, or has expired.
   */
  | { readonly kind: 'unreadable'; readonly id: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly leftMs: number }
  | { readonly kind: 'wait'; readonly leftMs: number }
  /** `orphaned`: the previous holder of the lock did not release it. It may have obtained a token that is lost. */
  | { readonly kind: 'acquired'; readonly fence: string; readonly orphaned: boolean }
  | { readonly kind: 'none' }

/**
 * Makes a grant token with a new random id.
 *
 * @param expiresInMs lifetime of the token from `nowMs` on, ms
 */
export function newGrantToken(token: string, nowMs: number, expiresInMs: number): GrantToken {
  return grantToken(randomBytes(8).toString('hex'), token, nowMs + expiresInMs, expiresInMs)
}

function grantToken(id: string, token: string, expiresAtMs: number, lifetimeMs: number): GrantToken {
  return { id, bearer: `Bearer ${token}`, expiresAtMs, renewAtMs: expiresAtMs - lifetimeMs / 3 }
}

/**
 * Stores for each grant one encrypted token in Redis, which the whole cluster shares, and the lock for the request of
 * the next token. Methods reject with `RedisFault`.
 *
 * The clock of Redis measures the stored lifetimes, so the clocks of nodes may differ by up to a minute. The ciphertext
 * is bound to its grant and id, and contains the time at which the token expires. If an attacker copies a ciphertext to
 * another grant, or writes it again after the token expired, the gate therefore does not use the token.
 */
export class GrantStore {
  readonly #keys: RedisKeys
  readonly #sealer: Sealer
  readonly #now: () => number
  readonly #begin: RedisScript
  readonly #renew: RedisScript
  readonly #end: RedisScript

  /** @param now returns the wall clock, ms since the epoch */
  constructor(client: RedisClient, keys: RedisKeys, sealer: Sealer, now: () => number) {
    this.#keys = keys
    this.#sealer = sealer
    this.#now = now
    this.#begin = client.script(new URL('./begin-grant.lua', import.meta.url))
    this.#renew = client.script(new URL('./renew-grant-lock.lua', import.meta.url))
    this.#end = client.script(new URL('./end-grant.lua', import.meta.url))
  }

  /**
   * Returns the stored token of a grant if it is valid and its id is not `known`. Otherwise tries to acquire the lock
   * for a token request.
   *
   * @param known    id of the token that the caller has, or `''`
   * @param leaseMs  duration of the lock's lease, ms; 0: only read, without acquiring the lock
   */
  async begin(grant: string, known: string, leaseMs: number): Promise<GrantLookup> {
    const key = this.#keys.grant(grant)
    const fence = randomBytes(8).toString('hex')
    const askedMs = this.#now()
    const reply = (await this.#begin.buffers([key], [known, leaseMs, fence, FAILURE_MAX_MS])) as (Buffer | number)[]
    const [kind, first, second, leftMs] = reply
    switch (String(kind)) {
      case 'token': {
        const id = String(first)
        const text = this.#sealer.open(second as Buffer, placeOf(key, id))
        if (text === undefined) return { kind: 'unreadable', id }
        const { token, untilMs, lifetimeMs } = JSON.parse(text) as SealedGrant
        const expiresAtMs = Math.min(askedMs + Number(leftMs), untilMs + CLOCKS_MS)
        if (expiresAtMs <= askedMs) return { kind: 'unreadable', id }
        return { kind: 'token', token: grantToken(id, token, expiresAtMs, lifetimeMs) }
      }
      case 'failed':
        return { kind: 'failed', reason: String(first), leftMs: Number(second) }
      case 'wait':
        return { kind: 'wait', leftMs: Number(first) }
      case 'acquired':
        return { kind: 'acquired', fence, orphaned: first === 1 }
      default:
        return { kind: 'none' }
    }
  }

  /**
   * Extends the lease of the lock for a token request.
   *
   * @returns whether the caller still holds the lock
   */
  async renew(grant: string, fence: string, leaseMs: number): Promise<boolean> {
    return (await this.#renew([this.#keys.grant(grant)], [fence, leaseMs])) === 1
  }

  /**
   * Stores a new token of a grant in Redis and releases the lock for its request.
   *
   * @returns false when another process holds the lock or has stored a token
   */
  async store(grant: string, fence: string, { id, bearer, expiresAtMs }: GrantToken): Promise<boolean> {
    const key = this.#keys.grant(grant)
    const leftMs = Math.floor(expiresAtMs - this.#now())
    if (leftMs <= 0) return true
    const content: SealedGrant = { token: bearer.slice('Bearer '.length), untilMs: expiresAtMs, lifetimeMs: leftMs }
    const sealed = this.#sealer.seal(JSON.stringify(content), placeOf(key, id))
    return (await this.#end([key], [fence, id, sealed, leftMs, '', 0])) === 'stored'
  }

  /**
   * Stores the reason of a failed token request for `rememberMs`, and releases the lock. No process sends another
   * request in this time.
   */
  async fail(grant: string, fence: string, reason: string, rememberMs: number): Promise<void> {
    await this.#end([this.#keys.grant(grant)], [fence, '', '', 0, reason, rememberMs])
  }
}

const placeOf = (key: string, id: string): string => `${key} ${id}`

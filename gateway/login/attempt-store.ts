import { createHash, randomBytes } from 'node:crypto'
import type { Sealer } from '../base/sealer.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { ATTEMPT_MS, type LoginAttempt } from './attempt.ts'

/** Most logins of one address, or IPv6 /64, that may be pending: an office behind one address, all at once. */
const PENDING_MAX = 1000

/** `state`: whose address it was begun from, as a keyed hash, and 128 random bits. */
const form = /^[0-9a-f]{16}[A-Za-z0-9_-]{22}$/

/**
 * Logins that were begun, in Redis: sealed, each found by its `state` alone, whichever node the browser comes back to.
 * Throws `RedisFault` as a rejection.
 */
export class AttemptStore {
  readonly #keys: RedisKeys
  readonly #sealer: Sealer
  readonly #begin: RedisScript
  readonly #end: RedisScript

  constructor(client: RedisClient, keys: RedisKeys, sealer: Sealer) {
    this.#keys = keys
    this.#sealer = sealer
    this.#begin = client.script(new URL('./begin-login.lua', import.meta.url))
    this.#end = client.script(new URL('./end-login.lua', import.meta.url))
  }

  /** A `state` that nobody can guess. @param address  4 or 16 bytes */
  newState(address: Uint8Array): string {
    const subscriber = address.length === 16 ? address.subarray(0, 8) : address
    const whose = this.#sealer.nameOf('login', Buffer.from(subscriber).toString('hex')).slice(0, 16)
    return whose + randomBytes(16).toString('base64url')
  }

  /** @returns false when too many of the address are pending: then it was not kept */
  async keep(state: string, attempt: LoginAttempt): Promise<boolean> {
    const { key, pending, name } = this.#placeOf(state)
    const blob = this.#sealer.seal(JSON.stringify(attempt), key)
    return (await this.#begin([key, pending], [blob, ATTEMPT_MS, PENDING_MAX, name])) === 1
  }

  /** Takes it: a second time there is none. `undefined` also for what is no `state` of ours. */
  async take(state: string): Promise<LoginAttempt | undefined> {
    if (!form.test(state)) return undefined
    const { key, pending, name } = this.#placeOf(state)
    const blob = (await this.#end.buffers([key, pending], [name])) as Buffer | null
    const text = blob === null ? undefined : this.#sealer.open(blob, key)
    return text === undefined ? undefined : (JSON.parse(text) as LoginAttempt)
  }

  /** By a hash: who reads Redis cannot finish the login. */
  #placeOf(state: string) {
    const whose = state.slice(0, 16)
    const name = createHash('sha256').update(state).digest('hex').slice(0, 32)
    return { key: this.#keys.loginAttempt(whose, name), pending: this.#keys.pendingLogins(whose), name }
  }
}

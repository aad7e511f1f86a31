import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { Session } from './session.ts'
import type { SessionStore } from './session-store.ts'

/** Why a refresh failed: the issuer could not be asked; it refused; it refused, and somebody else may have asked before. */
export type RefreshFailure = 'unavailable' | 'refused' | 'unsettled'

/** The right to ask the issuer, until the lease runs out. */
export interface RefreshTurn {
  readonly kind: 'yours'
  readonly fence: string
  /** Whoever had the turn before may have asked, and did not tell. */
  readonly orphaned: boolean
}

export type Begun =
  | RefreshTurn
  | { readonly kind: 'gone' }
  /** `undefined`: no key of ours opens it. */
  | { readonly kind: 'newer'; readonly session: Session | undefined }
  | { readonly kind: 'failed'; readonly why: RefreshFailure }
  | { readonly kind: 'wait'; readonly leftMs: number }

/** Whose turn it is to refresh a session: at any time one in the whole cluster. Throws `RedisFault` as a rejection. */
export class RefreshTurns {
  readonly #keys: RedisKeys
  readonly #store: SessionStore
  readonly #begin: RedisScript
  readonly #renew: RedisScript
  readonly #end: RedisScript

  constructor(client: RedisClient, keys: RedisKeys, store: SessionStore) {
    this.#keys = keys
    this.#store = store
    this.#begin = client.script(new URL('./begin-refresh.lua', import.meta.url))
    this.#renew = client.script(new URL('./renew-refresh.lua', import.meta.url))
    this.#end = client.script(new URL('./end-refresh.lua', import.meta.url))
  }

  async begin({ id, version }: Session, leaseMs: number): Promise<Begun> {
    const reply = (await this.#begin.buffers([this.#keys.session(id)], [version, leaseMs])) as (Buffer | number)[]
    const [kind, first, second] = reply
    switch (String(kind)) {
      case 'newer':
        return { kind: 'newer', session: this.#store.open(id, Number(first), second as Buffer) }
      case 'failed':
        return { kind: 'failed', why: String(first) as RefreshFailure }
      case 'wait':
        return { kind: 'wait', leftMs: Number(first) }
      case 'yours':
        return { kind: 'yours', fence: String(first), orphaned: second === 1 }
      default:
        return { kind: 'gone' }
    }
  }

  /** Whether the turn is still the caller's. */
  async renew({ id }: Session, { fence }: RefreshTurn, leaseMs: number): Promise<boolean> {
    return (await this.#renew([this.#keys.session(id)], [fence, leaseMs])) === 1
  }

  /** @param next  the session with its new tokens, of the version after that which the refresh started from */
  async store(next: Session, { fence }: RefreshTurn): Promise<'stored' | 'superseded' | 'gone'> {
    const args = [fence, next.version - 1, this.#store.seal(next), '', 0]
    return (await this.#end([this.#keys.session(next.id)], args)) as 'stored' | 'superseded' | 'gone'
  }

  /** Notes that it failed, so that for a while nobody asks again. */
  async fail(
    { id, version }: Session,
    { fence }: RefreshTurn,
    why: RefreshFailure,
    rememberMs: number,
  ): Promise<'kept' | 'superseded' | 'gone'> {
    const args = [fence, version, '', why, rememberMs]
    return (await this.#end([this.#keys.session(id)], args)) as 'kept' | 'superseded' | 'gone'
  }
}

import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { Session } from './session.ts'
import type { SessionStore } from './session-store.ts'

/**
 * Reason for a failed refresh of a session. `unavailable`: the issuer could not be reached. `refused`: the issuer
 * rejected the refresh token. `unsettled`: the issuer rejected the refresh token, but another process may have used the
 * token before.
 */
export type RefreshFailure = 'unavailable' | 'refused' | 'unsettled'

/** Exclusive right to send the refresh request of a session to the issuer, until the lease of the lock expires. */
export interface RefreshLock {
  readonly kind: 'acquired'
  readonly fence: string
  /**
   * True when the previous holder did not finish: that process may have sent the refresh request without storing the
   * result.
   */
  readonly orphaned: boolean
}

export type RefreshLockOutcome =
  | RefreshLock
  | { readonly kind: 'gone' }
  /**
   * Another process has refreshed the session. `session` is `undefined` when none of the configured keys can decrypt
   * it.
   */
  | { readonly kind: 'newer'; readonly session: Session | undefined }
  | { readonly kind: 'failed'; readonly why: RefreshFailure }
  | { readonly kind: 'wait'; readonly leftMs: number }

/**
 * Cluster-wide locks for the refresh of sessions: at most one process holds the lock of a session at a time. Methods
 * reject with `RedisFault`.
 */
export class RefreshLocks {
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

  async begin({ id, version }: Session, leaseMs: number): Promise<RefreshLockOutcome> {
    const reply = (await this.#begin.buffers([this.#keys.session(id)], [version, leaseMs])) as (Buffer | number)[]
    const [kind, first, second] = reply
    switch (String(kind)) {
      case 'newer':
        return { kind: 'newer', session: this.#store.open(id, Number(first), second as Buffer) }
      case 'failed':
        return { kind: 'failed', why: String(first) as RefreshFailure }
      case 'wait':
        return { kind: 'wait', leftMs: Number(first) }
      case 'acquired':
        return { kind: 'acquired', fence: String(first), orphaned: second === 1 }
      default:
        return { kind: 'gone' }
    }
  }

  /** Extends the lease of a refresh lock. @returns whether the caller still holds the lock */
  async renew({ id }: Session, { fence }: RefreshLock, leaseMs: number): Promise<boolean> {
    return (await this.#renew([this.#keys.session(id)], [fence, leaseMs])) === 1
  }

  /**
   * Stores the refreshed session and releases its refresh lock.
   *
   * @param next  the session with its new tokens; its version is one above the version that was refreshed
   */
  async store(next: Session, { fence }: RefreshLock): Promise<'stored' | 'superseded' | 'gone'> {
    const args = [fence, next.version - 1, this.#store.seal(next), '', 0]
    return (await this.#end([this.#keys.session(next.id)], args)) as 'stored' | 'superseded' | 'gone'
  }

  /**
   * Stores the failure of a session refresh and releases the refresh lock.
   *
   * @param rememberMs  time after the failure for which no process asks the issuer to refresh this session, ms
   */
  async fail(
    { id, version }: Session,
    { fence }: RefreshLock,
    why: RefreshFailure,
    rememberMs: number,
  ): Promise<'kept' | 'superseded' | 'gone'> {
    const args = [fence, version, '', why, rememberMs]
    return (await this.#end([this.#keys.session(id)], args)) as 'kept' | 'superseded' | 'gone'
  }
}

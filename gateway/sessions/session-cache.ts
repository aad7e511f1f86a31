import type { Session } from './session.ts'

/** A session in this node's memory. Properties named `…AtMs` are times in ms since the Unix epoch. */
export interface CachedSession {
  readonly cookie: string
  session: Session
  /** Time of the session's last use on this node. */
  usedAtMs: number
  /** From this time on, the next use of the session is reported to Redis. */
  reportAtMs: number
  /** Time before the access token's expiry at which its refresh starts, ms. */
  aheadMs: number
  /** From this time on, the next use of the session starts its refresh or checks for the result. */
  refreshAtMs: number
  /** True after a worker was ordered to refresh the session. */
  queued: boolean
}

/**
 * Sessions that this node has loaded, by the complete cookie value. When the cache is full, the least recently loaded
 * session is removed.
 */
export class SessionCache {
  readonly #max: number
  readonly #byCookie = new Map<string, CachedSession>()
  readonly #byId = new Map<string, CachedSession>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#byId.size
  }

  find(cookie: string): CachedSession | undefined {
    return this.#byCookie.get(cookie)
  }

  of(id: string): CachedSession | undefined {
    return this.#byId.get(id)
  }

  all(): Iterable<CachedSession> {
    return this.#byId.values()
  }

  put(cached: CachedSession): void {
    this.drop(cached.session.id)
    for (const [id] of this.#byId) {
      if (this.#byId.size < this.#max) break
      this.drop(id)
    }
    this.#byId.set(cached.session.id, cached)
    this.#byCookie.set(cached.cookie, cached)
  }

  drop(id: string): void {
    const cached = this.#byId.get(id)
    if (cached === undefined) return
    this.#byId.delete(id)
    this.#byCookie.delete(cached.cookie)
  }
}

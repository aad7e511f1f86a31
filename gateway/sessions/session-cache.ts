import type { Session } from './session.ts'
import { HOST_COOKIES_MAX } from './session-hosts.ts'

/** A session in this node's memory. Properties named `…AtMs` are times in ms since the Unix epoch. */
export interface CachedSession {
  /** Complete cookie values by which this node finds the session, the newest last. */
  readonly cookies: string[]
  session: Session
  /** Time of the cached session's last use on this node. */
  usedAtMs: number
  /** Time from which the next use of the cached session is reported to Redis. */
  reportAtMs: number
  /** Time before the access token's expiry at which its refresh starts, ms. */
  aheadMs: number
  /** Time from which the next use of the cached session starts its refresh or checks for the result. */
  refreshAtMs: number
  /** True after a worker was ordered to refresh the session. */
  queued: boolean
  /** Monotonic time before which an expired access token does not cause another refresh of the session, ms. */
  expiredAgainMs: number
}

/** A cookie value by which a node finds a cached session. */
export interface CachedCookie {
  readonly cached: CachedSession
  /** Origin of the only host at which the cookie value is valid; `undefined`: it is valid at every host of the gate. */
  readonly origin: string | undefined
}

/**
 * Sessions that this node has loaded, by the complete cookie value. When the cache is full, the least recently loaded
 * session is removed.
 *
 * @bound owner
 */
export class SessionCache {
  readonly #max: number
  readonly #byCookie = new Map<string, CachedCookie>()
  readonly #byId = new Map<string, CachedSession>()
  /** Position in the cache at which the next sweep for ended sessions continues. */
  #sweeping: Iterator<CachedSession> = this.#byId.values()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#byId.size
  }

  find(cookie: string): CachedCookie | undefined {
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
  }

  /** Adds a cookie value to a cached session. @param origin  as in {@link CachedCookie} */
  addCookie(cached: CachedSession, cookie: string, origin: string | undefined): void {
    if (this.#byId.get(cached.session.id) !== cached || this.#byCookie.has(cookie)) return
    // Keep one cookie value more than the maximum of host cookies: the value with which the session was created.
    if (cached.cookies.length > HOST_COOKIES_MAX) this.#byCookie.delete(cached.cookies.shift()!)
    cached.cookies.push(cookie)
    this.#byCookie.set(cookie, { cached, origin })
  }

  drop(id: string): void {
    const cached = this.#byId.get(id)
    if (cached === undefined) return
    this.#byId.delete(id)
    for (const cookie of cached.cookies) this.#byCookie.delete(cookie)
  }

  /**
   * Removes ended sessions from the next part of the cache, so that the tokens of ended sessions do not stay in
   * memory until the cache is full.
   *
   * @param part  part of the cache to examine, 0 to 1; successive calls examine the whole cache, in pieces
   */
  sweep(part: number, hasEnded: (cached: CachedSession) => boolean): void {
    for (let left = Math.ceil(this.#byId.size * part); left > 0; left--) {
      let next = this.#sweeping.next()
      if (next.done === true) {
        this.#sweeping = this.#byId.values()
        next = this.#sweeping.next()
      }
      if (next.done === true) return
      if (hasEnded(next.value)) this.drop(next.value.session.id)
    }
  }
}

import type { Session } from './session.ts'

/** A session in this node's memory. Times in ms since the epoch. */
export interface HeldSession {
  readonly cookie: string
  session: Session
  /** Time of the last use on this node. */
  usedAtMs: number
  /** Time from which the next use is reported to Redis. */
  tellAtMs: number
  /** Time before the access token's expiry at which its refresh starts, ms. */
  aheadMs: number
  /** Time from which the next use checks the refresh. */
  refreshAtMs: number
  /** True when a worker was ordered to refresh the session. */
  ordered: boolean
}

/**
 * Sessions that this node has loaded, by the complete cookie value. When the cache is full, the least recently loaded
 * session is removed.
 */
export class SessionCache {
  readonly #max: number
  readonly #byCookie = new Map<string, HeldSession>()
  readonly #byId = new Map<string, HeldSession>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#byId.size
  }

  find(cookie: string): HeldSession | undefined {
    return this.#byCookie.get(cookie)
  }

  of(id: string): HeldSession | undefined {
    return this.#byId.get(id)
  }

  all(): Iterable<HeldSession> {
    return this.#byId.values()
  }

  put(held: HeldSession): void {
    this.drop(held.session.id)
    for (const [id] of this.#byId) {
      if (this.#byId.size < this.#max) break
      this.drop(id)
    }
    this.#byId.set(held.session.id, held)
    this.#byCookie.set(held.cookie, held)
  }

  drop(id: string): void {
    const held = this.#byId.get(id)
    if (held === undefined) return
    this.#byId.delete(id)
    this.#byCookie.delete(held.cookie)
  }
}

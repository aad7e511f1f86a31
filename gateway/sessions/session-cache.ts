import type { Session } from './session.ts'

/** A session in this node's memory. Times in ms since the epoch. */
export interface HeldSession {
  readonly cookie: string
  session: Session
  /** When it was last used here. */
  usedAtMs: number
  /** From then on the next use is told to Redis. */
  tellAtMs: number
  /** The refresh of its tokens begins so long before they run out, ms. */
  aheadMs: number
  /** From then on the next use looks after that. */
  refreshAtMs: number
  /** A worker has been told. */
  ordered: boolean
}

/** Sessions that this node has opened, found by the whole value of the cookie. The least recently opened make room. */
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

import type { Sealer } from '../base/sealer.ts'
import type { Receipt } from '../cluster/receipt.ts'
import { neverLookedUp } from '../oauth/token-facts.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { CookieValues } from './cookie-value.ts'
import type { NewSession, OpenedSession, Session, SessionListing, SessionSelector } from './session.ts'
import { SessionCache } from './session-cache.ts'
import { SessionStore } from './session-store.ts'

/** What of a session's end all nodes must hear. */
export interface EndOrder {
  readonly kind: 'session' | 'subject'
  readonly id: string
  /** The issuer identifier. */
  readonly issuer: string
  readonly reason?: string
}

export interface EndOptions {
  readonly wait: 'all' | 'none'
  readonly durable: boolean
}

export interface SessionsParts {
  readonly link: RedisLink
  readonly sealer: Sealer
  /** Most sessions in this node's memory. */
  readonly heldMax: number
  /** Whether this node has heard of its end. */
  readonly ended: (session: Session) => boolean
  /** Tells all nodes. As {@link RevocationDesk.revoke}. */
  readonly revoke: (order: EndOrder, options: EndOptions) => Promise<Receipt>
}

/** What an order to end sessions came to. `undefined` as receipt: there was nothing to end. */
export interface EndedSessions {
  readonly receipt: Receipt | undefined
  readonly ended: readonly string[]
}

/** Uses of a session that lie closer together than this part of its idle life are told to Redis once. */
const TELL_PART = 10
const RETRY_MS = 1000

/** Login sessions: shared by all nodes in Redis, and in this node's memory those that it has opened. */
export class Sessions {
  readonly #parts: SessionsParts
  readonly #store: SessionStore
  readonly #cookies: CookieValues
  readonly #cache: SessionCache

  constructor(parts: SessionsParts) {
    this.#parts = parts
    this.#store = new SessionStore(parts.link.store, parts.link.keys, parts.sealer)
    this.#cookies = new CookieValues(parts.sealer)
    this.#cache = new SessionCache(parts.heldMax)
  }

  /**
   * Begins a session under an id of its own: whatever id the browser came with has no part in it.
   *
   * @throws {RedisFault} as a rejection
   */
  async create(input: NewSession): Promise<OpenedSession> {
    const { value, id } = this.#cookies.mint()
    const nowS = Math.floor(Date.now() / 1000)
    const session: Session = {
      ...input,
      device: { ...input.device, id: this.#store.deviceId(input.issuer, input.subject, input.device.userAgent) },
      id,
      createdAtS: nowS,
      endsAtS: nowS + Math.floor(input.lifetime.absoluteMs / 1000),
      version: 1,
      revocation: neverLookedUp(),
    }
    const surplus = await this.#store.create(session)
    await Promise.all(surplus.map((old) => this.end({ session: old }, 'too many sessions')))
    this.#hold(value, session)
    return { cookie: value, session }
  }

  /**
   * The session that a cookie value opens; at once when this node has it. `undefined`: none, or not any more.
   *
   * @throws {RedisFault} as a rejection, when the node does not have it and Redis is away
   */
  find(cookie: string): Session | undefined | Promise<Session | undefined> {
    const held = this.#cache.find(cookie)
    const nowMs = Date.now()
    if (held === undefined || nowMs >= held.usedAtMs + held.session.lifetime.idleMs) return this.#load(cookie)
    const { session } = held
    if (nowMs >= session.endsAtS * 1000 || this.#parts.ended(session)) {
      this.#cache.drop(session.id)
      return undefined
    }
    held.usedAtMs = nowMs
    if (nowMs >= held.tellAtMs) void this.#tell(session, nowMs)
    return session
  }

  /** Whether it was ended, as far as this node has heard by now. For `check-revocation`; allocates nothing. */
  ended(session: Session): boolean {
    return this.#parts.ended(session)
  }

  /**
   * The session with an access token that lives; at once as a rule. `undefined`: it is over, and only a login helps.
   *
   * @throws {GatewayFault} as a rejection
   */
  fresh(session: Session): Session | undefined | Promise<Session | undefined> {
    const { accessExpiresAtS = session.endsAtS } = session.tokens
    return Date.now() < accessExpiresAtS * 1000 ? session : undefined
  }

  /**
   * A new session in place of one, for a login that proves more. The old one is dead on all nodes when this resolves, or
   * as its receipt says.
   *
   * @throws {GatewayFault} as a rejection
   */
  async replace(session: Session, input: NewSession): Promise<OpenedSession> {
    const opened = await this.create(input)
    await this.end({ session: session.id }, 'replaced')
    return opened
  }

  /**
   * Ends sessions on every node.
   *
   * @throws {GatewayFault} as a rejection
   */
  async end(
    selector: SessionSelector,
    reason?: string,
    options: EndOptions = { wait: 'none', durable: false },
  ): Promise<EndedSessions> {
    const why = reason === undefined ? {} : { reason }
    const found = await this.#found(selector)
    const orders: EndOrder[] =
      'subject' in selector
        ? [{ kind: 'subject', id: selector.subject, issuer: selector.issuer, ...why }]
        : found.map(({ session: { id, issuer } }) => ({ kind: 'session', id, issuer, ...why }))
    let receipt: Receipt | undefined
    // Positions only rise: who has acknowledged the last order has all of them.
    for (const [i, order] of orders.entries()) {
      const last = i === orders.length - 1
      receipt = await this.#parts.revoke(order, last ? options : { wait: 'none', durable: false })
    }
    for (const { session } of found) {
      this.#cache.drop(session.id)
      await this.#store.remove(session)
    }
    return { receipt, ended: found.map(({ session: { id } }) => id) }
  }

  /** @throws {RedisFault} as a rejection */
  async list(selector: SessionSelector): Promise<SessionListing[]> {
    return (await this.#found(selector)).map(({ session, usedAtS }) => {
      const { id, issuer, subject, device, createdAtS, endsAtS } = session
      return { id, issuer, subject, device, createdAtS, usedAtS, endsAtS }
    })
  }

  async #found(selector: SessionSelector) {
    const ids = 'session' in selector ? [selector.session] : await this.#store.idsOf(selector)
    const found = await Promise.all(ids.map((id) => this.#store.look(id)))
    return found.filter((each) => each !== undefined)
  }

  async #load(cookie: string): Promise<Session | undefined> {
    const id = this.#cookies.idOf(cookie)
    if (id === undefined) return undefined
    const stored = await this.#store.use(id, 0)
    if (typeof stored === 'string') {
      this.#cache.drop(id)
      return undefined
    }
    if (this.#parts.ended(stored)) return undefined
    this.#hold(cookie, stored)
    return stored
  }

  #hold(cookie: string, session: Session): void {
    const nowMs = Date.now()
    // A copy: a value that was cut out of a request head would keep all of that head in memory.
    const copy = Buffer.from(cookie, 'latin1').toString('latin1')
    this.#cache.put({
      cookie: copy,
      session,
      usedAtMs: nowMs,
      tellAtMs: nowMs + session.lifetime.idleMs / TELL_PART,
    })
  }

  /** Notes the use in Redis, for which nobody waits, and hears what has become of the session elsewhere. */
  async #tell({ id, version, lifetime }: Session, nowMs: number): Promise<void> {
    const held = this.#cache.of(id)!
    held.tellAtMs = nowMs + lifetime.idleMs / TELL_PART
    try {
      const stored = await this.#store.use(id, version)
      if (stored === 'gone' || stored === 'unreadable') this.#cache.drop(id)
      else if (stored !== 'same') held.session = { ...stored, revocation: held.session.revocation }
    } catch {
      held.tellAtMs = nowMs + RETRY_MS
    }
  }
}

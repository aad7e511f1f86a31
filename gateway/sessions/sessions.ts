import { performance } from 'node:perf_hooks'
import type { Expiry, ExpirySource } from '../base/expiries.ts'
import { ignoreOutage } from '../base/fault.ts'
import type { Sealer } from '../base/sealer.ts'
import { Supervisor } from '../base/supervisor.ts'
import { positionMs } from '../cluster/position.ts'
import type { AcknowledgementWait, Receipt } from '../cluster/receipt.ts'
import { noRevocationLookup } from '../oauth/token-facts.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { type AskClaims, areClaimsOld, areClaimsRefused, areTokensOld, ClaimRenewal } from './claim-renewal.ts'
import { CookieValues } from './cookie-value.ts'
import { RefreshLocks } from './refresh-locks.ts'
import type { RefreshQueue } from './refresh-queue.ts'
import { type RefreshCounts, Refresher, type RefresherDependencies, refreshRefused } from './refresher.ts'
import {
  endOf,
  type NewSession,
  type OpenedSession,
  type ProviderSelector,
  type Session,
  type SessionListing,
  type SessionSelector,
} from './session.ts'
import { type CachedSession, SessionCache } from './session-cache.ts'
import { SessionHosts } from './session-hosts.ts'
import type { SessionCursor } from './session-index.ts'
import { type ProviderLogout, SessionStore, type StoredUse } from './session-store.ts'

/** An order to all nodes to end sessions. `issuer` is the issuer identifier. */
export type EndOrder = { readonly reason?: string } & (
  | { readonly kind: 'subject'; readonly id: string; readonly issuer: string }
  /** Order by the issuer's session id `sid`. */
  | { readonly kind: 'session'; readonly id: string; readonly issuer: string }
  /** Order by session ids of the gate. Such an order does not depend on the clocks of nodes. */
  | OwnSessions
)

type OwnSessions = { readonly kind: 'session'; readonly ids: readonly [string, ...string[]] } & (
  | { readonly issuer: string; readonly endsAtS: number }
  /** For sessions without a record in Redis: neither issuer nor end is known. */
  | { readonly issuer: undefined }
)

export interface EndOptions {
  readonly wait: AcknowledgementWait
  readonly durable: boolean
}

export interface SessionsDependencies extends Pick<RefresherDependencies, 'trade' | 'log' | 'leaseMs'> {
  readonly link: RedisLink
  readonly sealer: Sealer
  /** Maximum number of sessions in this node's memory. */
  readonly cacheEntries: number
  /** Returns whether this node has applied an event that ends this session. */
  readonly ended: (session: Session) => boolean
  /**
   * Returns whether this node has applied an event that ends the session with this id. Used for a session without a
   * record in Redis.
   */
  readonly revoked: (id: string) => boolean
  /** Time of the last cluster event that this node has applied, ms since the Unix epoch by Redis's clock. */
  readonly lastEventMs: () => number
  /**
   * Returns the maximum session lifetime for an issuer by the policy in force, ms; `undefined` when the policy no
   * longer allows logins at the issuer.
   */
  readonly absoluteMs: (issuer: string) => number | undefined
  /** Sends a revocation order to all nodes, as {@link RevocationService.revoke} does. */
  readonly revoke: (order: EndOrder, options: EndOptions) => Promise<Receipt>
  /** Asks the issuer of a session for the claims about its user. */
  readonly askClaims: AskClaims
  /**
   * Queue of session refreshes for workers. The node gets no result of a queued refresh, and reads the result from
   * Redis.
   */
  readonly refreshQueue: Pick<RefreshQueue, 'add'>
}

/** Result of an order to end sessions. */
export interface EndedSessions {
  /** Receipt of the last order; `undefined` when the selector matched no session and no order was written. */
  readonly receipt: Receipt | undefined
  /** Ids of the sessions that were found. Session ids without a record were revoked too, but are not in this list. */
  readonly ended: readonly string[]
}

/** A page of the list of all sessions. */
export interface SessionPage {
  readonly sessions: readonly SessionListing[]
  /** Number of listed sessions on all pages of the list. */
  readonly total: number
  /** Place at which the next page begins; `undefined` after the last page. */
  readonly next: SessionCursor | undefined
}

/** Sessions to end: sessions with a record, and session ids whose record Redis has lost. */
interface SessionsToEnd {
  readonly sessions: readonly Session[]
  readonly lost: readonly string[]
}

/**
 * Fraction of the idle lifetime of a session (1/10). A node reports uses of the session to Redis at most once in this
 * time.
 */
const REPORT_FRACTION = 10
/**
 * Step back of the wall clock since the last use of a cached session from which the node reads the session from Redis
 * again, ms. Else the idle lifetime would not end on this node before the clock reached the last use.
 */
const CLOCK_BACK_MS = 1000
const RETRY_MS = 1000
/**
 * Interval at which the node removes ended sessions from a sixtieth of its session cache, ms. One pass over the whole
 * cache takes 60 s.
 */
const SWEEP_MS = 1000
const SWEEP_PART = 1 / 60
/** An access token that expires within this time is refreshed before the request continues, ms. */
const EXPIRING_MS = 1000
/**
 * Minimum time between two refreshes of a session on this node because its access token has expired earlier than stated,
 * ms. On a node whose clock is ahead by more than the lifetime of the tokens, each new token has expired too.
 */
const EXPIRED_AGAIN_MS = 10_000
/**
 * Maximum number of running session refreshes that other requests can share. Above this number, each request refreshes
 * its session itself.
 */
const REFRESHING_MAX = 4096
/**
 * Number of sessions that one page of the list reads at once. Requests that arrive meanwhile wait for the decryption of
 * these sessions: 2 ms, or 6 ms for sessions of the maximum size.
 */
const READ_AT_ONCE = 20
/** Minimum time between two checks whether a worker has refreshed a session, ms. */
const POLL_MIN_MS = 250
/**
 * Maximum time that a stop of the node waits for running session refreshes, ms. An interrupted refresh loses its new
 * tokens.
 */
const CLOSE_MS = 15_000

/** Manages login sessions. All nodes share them in Redis, and each node caches the sessions that it has loaded. */
export class Sessions implements ExpirySource {
  readonly #dependencies: SessionsDependencies
  readonly #store: SessionStore
  readonly #hosts: SessionHosts
  readonly #cookies: CookieValues
  /**
   * Sessions that this node has loaded.
   *
   * @bound `sessions.cache` | the least recently loaded session is dropped | gatehouse_sessions_held
   */
  readonly #cache: SessionCache
  readonly #refresher: Refresher
  readonly #claimRenewal: ClaimRenewal
  readonly #upkeep = new Supervisor('session-upkeep')
  readonly #endSweeping: () => void
  readonly #refreshTask = new Supervisor('session-refresh')
  /**
   * Session refreshes in progress, which requests of the same session share.
   *
   * @bound {@link REFRESHING_MAX} sessions | a further refresh is not shared | gatehouse_session_refreshes_total
   */
  readonly #refreshing = new Map<string, Promise<Session | undefined>>()
  /**
   * Renewals of user claims in progress, which requests of the same session share.
   *
   * @bound {@link REFRESHING_MAX} sessions | a further renewal is not shared | gatehouse_session_refreshes_total
   */
  readonly #renewing = new Map<string, Promise<Session | undefined>>()

  constructor(dependencies: SessionsDependencies) {
    const { store, keys } = dependencies.link
    this.#dependencies = dependencies
    this.#store = new SessionStore(store, keys, dependencies.sealer)
    this.#hosts = new SessionHosts(store, keys, dependencies.sealer)
    this.#refresher = new Refresher({
      ...dependencies,
      locks: new RefreshLocks(store, keys, this.#store),
      end: (session) => this.#endAll({ sessions: [session], lost: [] }, { session: session.id }, refreshRefused),
    })
    this.#claimRenewal = new ClaimRenewal(this.#refresher, dependencies.askClaims, dependencies.log)
    this.#cookies = new CookieValues(dependencies.sealer)
    this.#cache = new SessionCache(dependencies.cacheEntries)
    this.#endSweeping = this.#upkeep.repeat(SWEEP_MS, () => this.sweep(SWEEP_PART))
  }

  /** For each issuer that states when refresh tokens expire: the earliest expiry among the sessions on this node. */
  *expiries(): Iterable<Expiry> {
    const earliest = new Map<string, number>()
    for (const { session } of this.#cache.all()) {
      const { refreshExpiresAtS } = session.tokens
      if (refreshExpiresAtS === undefined) continue
      earliest.set(
        session.issuer,
        Math.min(earliest.get(session.issuer) ?? Number.POSITIVE_INFINITY, refreshExpiresAtS),
      )
    }
    for (const [issuer, atS] of earliest) yield { kind: 'refresh-token', name: issuer, expiresAtMs: atS * 1000 }
  }

  /**
   * Creates a session under a new id, whatever session id the browser sent. This prevents session fixation.
   *
   * @returns `logged-out` when the issuer has logged out the person or the `sid` since the login
   * @throws {RedisFault} as a rejection
   */
  async create({ begunAfterMs, ...input }: NewSession): Promise<OpenedSession | 'logged-out'> {
    const { value, id } = this.#cookies.mint()
    // Use the clock of Redis: by a clock that is ahead, the session would outlast its absolute lifetime; by a clock
    // that is behind, it would end early, and match revocations from before the login.
    const nowS = Math.floor((await this.#store.nowMs()) / 1000)
    const session: Session = {
      ...input,
      device: { ...input.device, id: this.#store.deviceId(input.issuer, input.subject, input.device.userAgent) },
      id,
      createdAtS: nowS,
      endsAtS: nowS + Math.floor(input.lifetime.absoluteMs / 1000),
      version: 1,
      revocation: noRevocationLookup(),
    }
    const surplus = await this.#store.create(session, begunAfterMs)
    if (surplus === 'logged-out') return surplus
    if (surplus.length > 0) void this.#upkeep.attempt(() => this.#makeRoom(surplus, session))
    this.#keep(value, session.origin, session)
    this.#store.index.add(session)
    return { cookie: value, session }
  }

  /**
   * Creates a cookie by which one more host can use a session. The cookie is valid at this host only. Counts as a use
   * of the session.
   *
   * @param origin  origin of the host
   * @returns `undefined` when the session has ended
   * @throws {GatewayFault} `store-unavailable`, as a rejection
   */
  async admit(id: string, origin: string): Promise<OpenedSession | undefined> {
    const session = await this.#store.use(id, 0)
    if (typeof session === 'string' || this.#dependencies.ended(session)) return undefined
    const { value, listed } = this.#cookies.mintFor(id, origin)
    if (!(await this.#hosts.add(id, origin, listed))) return undefined
    this.#store.index.add(session)
    return { cookie: value, session: this.#keep(value, origin, session) }
  }

  /**
   * Returns the session for a cookie value; synchronously when this node has cached it. `undefined` when there is no
   * such session, it has ended, or the value belongs to another host.
   *
   * @param origin  origin of the host at which the browser presented the cookie
   * @throws {RedisFault} as a rejection, when the session is not cached and Redis is unavailable
   */
  find(cookie: string, origin: string): Session | undefined | Promise<Session | undefined> {
    const found = this.#cache.find(cookie)
    if (found === undefined) return this.#load(cookie, origin)
    if (found.origin !== undefined && found.origin !== origin) return undefined
    const { cached } = found
    const nowMs = Date.now()
    const idleMs = nowMs - cached.usedAtMs
    if (idleMs >= cached.session.lifetime.idleMs || idleMs < -CLOCK_BACK_MS) return this.#load(cookie, origin)
    const { session } = cached
    if (nowMs >= session.endsAtS * 1000 || this.#dependencies.ended(session)) {
      this.#cache.drop(session.id)
      return undefined
    }
    cached.usedAtMs = nowMs
    if (nowMs >= cached.reportAtMs) void this.#upkeep.attempt(() => this.#reportUse(session, nowMs))
    return session
  }

  /**
   * Whether the session was ended, according to the events that this node has applied. Used by the phase
   * `check-revocation`; allocates nothing.
   */
  ended(session: Session): boolean {
    return this.#dependencies.ended(session)
  }

  /**
   * Records that the client of an open stream has used the session by sending bytes. Reports the use to Redis in the
   * background.
   */
  use(session: Session): void {
    const nowMs = Date.now()
    const cached = this.#cache.of(session.id)
    if (cached === undefined) {
      void this.#upkeep.attempt(() => ignoreOutage(this.#useUncached(session)))
      return
    }
    cached.usedAtMs = nowMs
    void this.#upkeep.attempt(() => this.#reportUse(session, nowMs))
  }

  /**
   * Returns a session without recording a use of it; `undefined` when the session has ended or cannot be decrypted.
   *
   * @throws {RedisFault} as a rejection
   */
  async byId(id: string): Promise<Session | undefined> {
    return this.#cache.of(id)?.session ?? (await this.#store.read(id))?.session
  }

  /**
   * Returns when the session was last used, ms since the Unix epoch: on this node if that use is within the idle
   * lifetime, otherwise on any node. Redis stores uses with a resolution of a tenth of the idle lifetime. `undefined`
   * when the session has ended or cannot be decrypted.
   *
   * @throws {RedisFault} as a rejection
   */
  async lastUseMs({ id, lifetime }: Session): Promise<number | undefined> {
    const usedHereMs = this.#cache.of(id)?.usedAtMs ?? 0
    if (Date.now() < usedHereMs + lifetime.idleMs) return usedHereMs
    const stored = await this.#store.read(id)
    return stored && stored.usedAtS * 1000
  }

  /**
   * Returns the session with a valid access token, usually synchronously. `undefined` when the session has ended and
   * the user must log in again.
   *
   * When a refresh fails, the session continues with its current access token until that token expires.
   *
   * @throws {GatewayFault} as a rejection: `refresh-unavailable`, `store-unavailable`
   */
  fresh(session: Session): Session | undefined | Promise<Session | undefined> {
    const { accessExpiresAtS, refreshToken } = session.tokens
    if (accessExpiresAtS === undefined) return session
    const nowMs = Date.now()
    const leftMs = accessExpiresAtS * 1000 - nowMs
    if (refreshToken === undefined) return leftMs > 0 ? session : this.#dropExpired(session)
    if (leftMs <= EXPIRING_MS) return this.#refreshNow(session)
    const cached = this.#cache.of(session.id)
    if (cached !== undefined && nowMs >= cached.refreshAtMs) this.#refreshAhead(cached, leftMs, nowMs)
    return session
  }

  /**
   * Refreshes a session whose access token has expired although it is stated to be valid: a process whose clock was
   * ahead has stored its expiry, or `expires_in` of the issuer was too long. Without a refresh, the user would have to
   * log in again.
   *
   * @returns the session with another access token, or `undefined` when the session has ended, as the result of a
   *   promise; `undefined` without a promise when the session cannot be refreshed, or was less than 10 s ago
   * @throws {GatewayFault} as a rejection: `refresh-unavailable`, `store-unavailable`
   */
  refreshExpired(session: Session): Promise<Session | undefined> | undefined {
    const cached = this.#cache.of(session.id)
    if (cached === undefined || session.tokens.refreshToken === undefined) return undefined
    if (performance.now() < cached.expiredAgainMs) return undefined
    return this.#refresh(session).then((refreshed) => {
      const current = this.#cache.of(session.id)
      if (current !== undefined) current.expiredAgainMs = performance.now() + EXPIRED_AGAIN_MS
      return refreshed
    })
  }

  /**
   * Returns the session with claims about its user that are not too old. If the tokens are older than the maximum age
   * too, refreshes the session first. If the claims are still too old, asks the UserInfo endpoint. If the issuer gives
   * no claims, the returned session still has the old claims, which must not be used. `undefined` when the session has
   * ended.
   *
   * @param maxAgeMs  maximum age of the claims, ms
   * @throws {GatewayFault} as a rejection, when the issuer or Redis is unavailable: `refresh-unavailable`,
   *   `store-unavailable`
   */
  withClaims(session: Session, maxAgeMs: number): Promise<Session | undefined> {
    const { id } = session
    const joined = this.#renewing.get(id)
    if (joined !== undefined) return joined
    const renewed = this.#renewClaims(session, maxAgeMs)
    if (this.#renewing.size >= REFRESHING_MAX) return renewed
    const ended = renewed.finally(() => this.#renewing.delete(id))
    this.#renewing.set(id, ended)
    return ended
  }

  /**
   * Returns the session id of a cookie value; `undefined` when the value was not made with a key of this gate. Does not
   * check whether the session exists. The id can be revoked even if Redis has lost the record, because clients cannot
   * invent ids.
   *
   * @param origin  origin of the host at which the browser presented the cookie
   */
  idOf(cookie: string, origin: string): string | undefined {
    return this.#cookies.read(cookie, origin)?.id
  }

  /** Whether this node has applied an event that ends the session with this id. */
  revoked(id: string): boolean {
    return this.#dependencies.revoked(id)
  }

  /**
   * Replaces a session by a new one. When the promise resolves, Redis has accepted the revocation of the old session.
   * This also works when Redis has lost the record of the old session.
   *
   * @param id  id of the old session
   * @returns `logged-out` as {@link Sessions.create}; the old session is then unchanged
   * @throws {GatewayFault} as a rejection
   */
  async replace(id: string, input: NewSession): Promise<OpenedSession | 'logged-out'> {
    const opened = await this.create(input)
    if (opened === 'logged-out') return opened
    await this.end({ session: id }, 'replaced')
    return opened
  }

  /**
   * Ends sessions on every node. A session named by its id is revoked even if Redis has lost its record, because nodes
   * can still have the session in memory. The caller must ensure that the gate assigned the id.
   *
   * @throws {GatewayFault} as a rejection
   */
  async end(selector: SessionSelector, reason?: string, options?: EndOptions): Promise<EndedSessions> {
    const ids = 'session' in selector ? [selector.session] : await this.#store.idsOf(selector)
    return this.#endAll(await this.#toEnd(ids, selector), selector, reason, options)
  }

  /**
   * Ends sessions that the issuer has logged out, and refuses logins that began earlier. For a `sid`, every login is
   * refused. For a person, a login is refused when its `auth_time` is earlier than the logout token. Without
   * `auth_time`, a login is refused when it began before the logout arrived. Repeating the call is harmless.
   *
   * @returns `other-subject` when the logout names a person and all sessions of the `sid` belong to others: no session
   *   has ended
   * @throws {GatewayFault} as a rejection: some sessions may not have ended, and the call must be repeated
   */
  async endAtIssuer(
    selector: ProviderSelector,
    logout: ProviderLogout,
    reason: string,
    options: EndOptions,
  ): Promise<EndedSessions | 'other-subject'> {
    if ('sid' in selector && logout.subject !== undefined) {
      return this.#endSidOf(logout.subject, selector, logout, reason, options)
    }
    // Read the time from the position of the event, which gives the time of the logout by Redis's clock. A login that
    // began before the logout had applied only earlier events.
    const { position } = await this.#dependencies.revoke(
      { ...orderOf(selector), reason },
      { wait: 'none', durable: options.durable },
    )
    const ids = await this.#store.logOut(selector, logout, positionMs(position))
    return this.#endAll(await this.#toEnd(ids, selector), selector, reason, options)
  }

  /**
   * Ends the sessions of a `sid` that belong to one person. Orders the end of the whole `sid` only if no other person
   * has a session under the `sid`.
   */
  async #endSidOf(
    subject: string,
    selector: ProviderSelector,
    logout: ProviderLogout,
    reason: string,
    options: EndOptions,
  ): Promise<EndedSessions | 'other-subject'> {
    // Use any position of the event. Once a `sid` was logged out, no login under this `sid` creates a session, whenever
    // the login began.
    const { sessions, lost } = await this.#toEnd(await this.#store.logOut(selector, logout, 0), selector)
    const own = sessions.filter((session) => session.subject === subject)
    const shared = own.length < sessions.length
    if (shared && own.length === 0) return 'other-subject'
    return this.#endAll({ sessions: own, lost }, selector, reason, options, shared ? [] : widerOrders(selector))
  }

  /** Returns the value of {@link NewSession.begunAfterMs} for a login that begins at the time of the call. */
  get lastEventMs(): number {
    return this.#dependencies.lastEventMs()
  }

  /**
   * Ends all sessions that the selector finds, by their session ids. Used after a revocation of the person or the
   * `sid`: such a revocation compares clocks of nodes, and misses a session from a node whose clock is ahead.
   *
   * @throws {GatewayFault} as a rejection
   */
  async endFound(selector: ProviderSelector, reason?: string): Promise<void> {
    const found = await this.#toEnd(await this.#store.idsOf(selector), selector)
    await this.#endAll(found, selector, reason, undefined, [])
  }

  async #endAll(
    { sessions, lost }: SessionsToEnd,
    selector: SessionSelector,
    reason: string | undefined,
    options: EndOptions = { wait: 'none', durable: false },
    wider = widerOrders(selector),
  ): Promise<EndedSessions> {
    const why = reason === undefined ? {} : { reason }
    const orders = [...ownOrders(sessions, lost), ...wider]
    let receipt: Receipt | undefined
    // Return the receipt of the last order: positions of orders only increase, so a node that has acknowledged the last
    // order has applied all earlier orders.
    for (const [i, order] of orders.entries()) {
      const last = i === orders.length - 1
      receipt = await this.#dependencies.revoke({ ...order, ...why }, last ? options : { wait: 'none', durable: false })
    }
    for (const { id } of sessions) this.#cache.drop(id)
    await Promise.all([...sessions.map((each) => this.#store.remove(each)), this.#store.forget(lost, selector)])
    return { receipt, ended: sessions.map(({ id }) => id) }
  }

  /**
   * Lists sessions, newest first, with their end by the policy in force. Sessions that have ended by this policy are
   * omitted.
   *
   * @throws {RedisFault} as a rejection
   */
  async list(selector: SessionSelector): Promise<SessionListing[]> {
    const found = await this.#stored(selector)
    found.sort((a, b) => b.session.createdAtS - a.session.createdAtS)
    return this.#listingsOf(found)
  }

  /**
   * Lists a page of all sessions at some issuers. The session that would expire first without a use is the first of its
   * issuer. The page has fewer than `limit` sessions when listed sessions have ended.
   *
   * @param issuers  issuer identifiers
   * @param after  place after which the page begins, of the previous page
   * @throws {RedisFault} as a rejection
   */
  async listAll(issuers: readonly string[], limit: number, after: SessionCursor | undefined): Promise<SessionPage> {
    const { index } = this.#store
    const [{ ids, next }, counts] = await Promise.all([
      index.page(issuers, limit, after),
      Promise.all(issuers.map((issuer) => index.count(issuer))),
    ])
    const sessions: SessionListing[] = []
    for (let i = 0; i < ids.length; i += READ_AT_ONCE) {
      sessions.push(...(await this.#listingsOf(await this.#storedOf(ids.slice(i, i + READ_AT_ONCE)))))
    }
    return { sessions, total: counts.reduce((sum, count) => sum + count, 0), next }
  }

  /** Returns the number of sessions at an issuer, as far as they are listed. @throws {RedisFault} as a rejection */
  count(issuer: string): Promise<number> {
    return this.#store.index.count(issuer)
  }

  /** Removes ended sessions of an issuer from the list of all sessions. @throws {RedisFault} as a rejection */
  trim(issuer: string): Promise<void> {
    return this.#store.index.trim(issuer)
  }

  async #listingsOf(found: readonly StoredUse[]): Promise<SessionListing[]> {
    const nowS = Date.now() / 1000
    const listed = found.map(async ({ session, usedAtS }) => {
      const { id, issuer, subject, device, createdAtS } = session
      const endsAtS = endOf(session, this.#dependencies.absoluteMs(issuer) ?? 0)
      if (nowS >= endsAtS || this.#dependencies.ended(session)) return []
      const origins = await this.#originsOf(session)
      return [{ id, issuer, subject, device, origins, createdAtS, usedAtS, endsAtS }]
    })
    return (await Promise.all(listed)).flat()
  }

  /** Returns the origins of the hosts that use a session; `undefined`: the session is valid at every host. */
  async #originsOf({ id, origin }: Session): Promise<string[] | undefined> {
    if (origin === undefined) return undefined
    return [...new Set([origin, ...(await this.#hosts.originsOf(id))])]
  }

  get cached(): number {
    return this.#cache.size
  }

  /**
   * Removes sessions from a part of this node's session cache that have ended, or that were not used at this node for
   * their idle lifetime. Redis has those that another node uses.
   *
   * @param part part of the memory to examine, 0 to 1
   */
  sweep(part: number): void {
    const nowMs = Date.now()
    this.#cache.sweep(part, ({ session, usedAtMs }) => {
      const isIdle = nowMs - usedAtMs >= session.lifetime.idleMs
      return isIdle || nowMs >= session.endsAtS * 1000 || this.#dependencies.ended(session)
    })
  }

  get refreshes(): Readonly<RefreshCounts> {
    return this.#refresher.counts
  }

  /**
   * Waits for running session refreshes, for at most 15 s. New tokens that the issuer issued but that were not stored
   * are lost.
   */
  async close(): Promise<void> {
    this.#endSweeping()
    const renewals = [...this.#refreshing.values(), ...this.#renewing.values()]
    const underWay = Promise.allSettled([...renewals, this.#refresher.settled()])
    await Promise.race([underWay, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
    await ignoreOutage(this.#store.index.flush())
  }

  /**
   * Loads the sessions that an order ends.
   *
   * @param listed  session ids that Redis lists for the selector; matching sessions in this node's memory are added
   */
  async #toEnd(listed: readonly string[], selector: SessionSelector): Promise<SessionsToEnd> {
    const ids = new Set(listed)
    for (const { session } of 'session' in selector ? [] : this.#cache.all()) {
      if (isSelected(session, selector) && !this.#dependencies.ended(session)) ids.add(session.id)
    }
    const sessions: Session[] = []
    const lost: string[] = []
    const look = async (id: string): Promise<void> => {
      const session = this.#cache.of(id)?.session ?? (await this.#store.read(id))?.session
      if (session === undefined) lost.push(id)
      else sessions.push(session)
    }
    await Promise.all(Array.from(ids, look))
    return { sessions, lost }
  }

  /**
   * Returns the listed sessions that have a record. A listed id without a record stays in the list, because the session
   * may still be in creation.
   */
  async #stored(selector: SessionSelector): Promise<StoredUse[]> {
    return this.#storedOf('session' in selector ? [selector.session] : await this.#store.idsOf(selector))
  }

  async #storedOf(ids: readonly string[]): Promise<StoredUse[]> {
    const looked = await Promise.all(ids.map((id) => this.#store.read(id)))
    return looked.filter((each) => each !== undefined)
  }

  /**
   * Ends the sessions above the limit of one person or device. After a failure the sessions stay listed, and the next
   * login tries again.
   */
  async #makeRoom(surplus: readonly string[], session: Session): Promise<void> {
    try {
      for (const id of surplus) await this.end({ session: id }, 'too many sessions')
      await this.#store.unlist(surplus, session)
    } catch (error) {
      this.#dependencies.log(
        'warn',
        'the user has more sessions than the limit, and not all surplus sessions could be ended; the next login tries again',
        {
          problem: (error as Error).message,
        },
      )
    }
  }

  async #load(cookie: string, origin: string): Promise<Session | undefined> {
    const read = this.#cookies.read(cookie, origin)
    if (read === undefined) return undefined
    const { id, listed } = read
    const [stored, isListed] = await Promise.all([
      this.#store.use(id, 0),
      listed === undefined || this.#hosts.has(id, origin, listed),
    ])
    if (typeof stored === 'string') {
      this.#cache.drop(id)
      return undefined
    }
    // Returns the origin of the host at which a cookie value is valid: the host for which the value was created, or the
    // host of the login for the first value of a session.
    const ownOrigin = listed === undefined ? stored.origin : origin
    if (!isListed || (ownOrigin !== undefined && ownOrigin !== origin)) return undefined
    if (this.#dependencies.ended(stored)) {
      // Remove the stored session also when a revocation of the person or the `sid` has ended it, because revocations
      // are not kept forever.
      await this.#store.remove(stored)
      return undefined
    }
    this.#store.index.add(stored)
    return this.#keep(cookie, ownOrigin, stored)
  }

  /**
   * Caches a session that was read from Redis, under a cookie value. Returns the cached version of the session, which
   * is newer when another request has refreshed the session while this request read it.
   *
   * @param origin  origin of the only host at which the cookie is valid; `undefined`: valid at every host
   */
  #keep(cookie: string, origin: string | undefined, session: Session): Session {
    const nowMs = Date.now()
    let cached = this.#cache.of(session.id)
    if (cached === undefined) {
      cached = {
        cookies: [],
        session,
        usedAtMs: nowMs,
        reportAtMs: nowMs + session.lifetime.idleMs / REPORT_FRACTION,
        expiredAgainMs: 0,
        ...refreshTimes(session, nowMs),
      }
      this.#cache.put(cached)
    } else {
      this.#renew(session)
      // Note the use: reading the session from Redis was a use.
      cached.reportAtMs = nowMs + session.lifetime.idleMs / REPORT_FRACTION
    }
    cached.usedAtMs = nowMs
    // Copy the cookie value before it is kept: a string cut out of a request head would keep the whole head in memory.
    this.#cache.addCookie(cached, Buffer.from(cookie, 'latin1').toString('latin1'), origin)
    return cached.session
  }

  /**
   * Reports a use of a session to Redis in the background. The reply shows whether the session was changed or ended
   * elsewhere.
   */
  async #reportUse(session: Session, nowMs: number): Promise<void> {
    const { id, version, lifetime } = session
    const cached = this.#cache.of(id)!
    cached.reportAtMs = nowMs + lifetime.idleMs / REPORT_FRACTION
    try {
      const stored = await this.#store.use(id, version)
      if (stored === 'gone' || stored === 'unreadable') {
        this.#cache.drop(id)
        return
      }
      if (stored !== 'same') this.#renew(stored)
      this.#store.index.add(session)
    } catch {
      cached.reportAtMs = nowMs + RETRY_MS
    }
  }

  async #useUncached(session: Session): Promise<void> {
    const stored = await this.#store.use(session.id, session.version)
    if (stored !== 'gone' && stored !== 'unreadable') this.#store.index.add(session)
  }

  /** Updates a cached session to a newer version, and keeps the result of its revocation check. */
  #renew(session: Session): Session {
    const cached = this.#cache.of(session.id)
    if (cached === undefined) return session
    if (session.version > cached.session.version) {
      cached.session = { ...session, revocation: cached.session.revocation }
      Object.assign(cached, refreshTimes(cached.session, Date.now()))
    }
    return cached.session
  }

  /**
   * Refreshes a session ahead of expiry, in the background: first queues a job for a worker, then polls for the result,
   * and finally refreshes on this node.
   */
  #refreshAhead(cached: CachedSession, leftMs: number, nowMs: number): void {
    const { session } = cached
    const { id, issuer, version } = session
    cached.refreshAtMs = nowMs + Math.max(POLL_MIN_MS, leftMs / 4)
    if (!cached.queued) {
      cached.queued = true
      this.#dependencies.refreshQueue.add({ issuer, session: id, version })
    } else if (leftMs > cached.aheadMs / 2) void this.#upkeep.attempt(() => this.#reportUse(session, nowMs))
    else void this.#refreshTask.attempt(() => ignoreOutage(this.#refresh(session)))
  }

  async #renewClaims(given: Session, maxAgeMs: number): Promise<Session | undefined> {
    let session = this.#cache.of(given.id)?.session ?? given
    const isOld = (): boolean => areClaimsOld(session, maxAgeMs, Date.now())
    if (session.tokens.refreshToken !== undefined && areTokensOld(session, maxAgeMs, Date.now())) {
      const refreshed = await this.#refresh(session)
      if (refreshed === undefined) return undefined
      session = refreshed
    }
    // Try twice to renew the claims: another process may have stored a version of the session meanwhile, with new
    // tokens but the old claims.
    for (let i = 0; i < 2 && isOld() && !areClaimsRefused(session, Date.now()); i++) {
      const next = await this.#claimRenewal.renew(session)
      if (next === undefined || this.#dependencies.ended(session)) {
        this.#cache.drop(session.id)
        return undefined
      }
      session = this.#renew(next)
    }
    return session
  }

  async #refreshNow(session: Session): Promise<Session | undefined> {
    try {
      return await this.#refresh(session)
    } catch (error) {
      if (Date.now() < session.tokens.accessExpiresAtS! * 1000) return session
      throw error
    }
  }

  /** Runs at most one refresh per session on this node; other callers share the result. */
  #refresh(session: Session): Promise<Session | undefined> {
    const { id } = session
    const joined = this.#refreshing.get(id)
    if (joined !== undefined) return joined
    const refreshed = this.#refreshOnce(session)
    if (this.#refreshing.size >= REFRESHING_MAX) return refreshed
    const ended = refreshed.finally(() => this.#refreshing.delete(id))
    this.#refreshing.set(id, ended)
    return ended
  }

  async #refreshOnce(given: Session): Promise<Session | undefined> {
    // Look for a newer version first: another request or node may have refreshed the session already. The tokens of
    // that refresh may have expired too.
    let session = this.#cache.of(given.id)?.session ?? given
    if (session.version > given.version && !isExpiring(session)) return session
    // Try twice to refresh the session: a refresh by another process may have returned tokens that have also expired.
    for (let i = 0; i < 2; i++) {
      const next = await this.#refresher.refresh(session)
      // Check again: the session may have been ended during the refresh.
      if (next === undefined || this.#dependencies.ended(session)) {
        this.#cache.drop(session.id)
        return undefined
      }
      session = this.#renew(next)
      if (!isExpiring(session)) break
    }
    return session
  }

  /** Removes a session from Redis whose access token has expired, and which has no refresh token. */
  #dropExpired(session: Session): undefined {
    this.#cache.drop(session.id)
    void this.#upkeep.attempt(() => ignoreOutage(this.#store.remove(session)))
    return undefined
  }
}

function isExpiring({ tokens: { accessExpiresAtS } }: Session): boolean {
  return accessExpiresAtS !== undefined && accessExpiresAtS * 1000 - Date.now() <= EXPIRING_MS
}

/**
 * Computes the start of a session's refresh: at random 30 to 60 s before the access token expires, but at most a third
 * of the remaining lifetime.
 */
function refreshTimes({ tokens }: Session, nowMs: number): Pick<CachedSession, 'aheadMs' | 'refreshAtMs' | 'queued'> {
  const leftMs = (tokens.accessExpiresAtS ?? Number.POSITIVE_INFINITY) * 1000 - nowMs
  const aheadMs = Math.min(30_000 + Math.random() * 30_000, leftMs / 3)
  return { aheadMs, refreshAtMs: nowMs + leftMs - aheadMs, queued: false }
}

/** Builds orders to end sessions by session id: one order for each issuer, and one for session ids without a record. */
function ownOrders(sessions: readonly Session[], lost: readonly string[]): EndOrder[] {
  const orders: EndOrder[] = []
  for (const [issuer, each] of Map.groupBy(sessions, (session) => session.issuer)) {
    const endsAtS = Math.max(...each.map((session) => session.endsAtS))
    const [first, ...others] = each.map(({ id }) => id)
    orders.push({ kind: 'session', ids: [first!, ...others], issuer, endsAtS })
  }
  const [first, ...others] = lost
  if (first !== undefined) orders.push({ kind: 'session', ids: [first, ...others], issuer: undefined })
  return orders
}

function widerOrders(selector: SessionSelector): readonly EndOrder[] {
  return 'issuer' in selector ? [orderOf(selector)] : []
}

function orderOf(selector: ProviderSelector): EndOrder {
  const { issuer } = selector
  return 'sid' in selector
    ? { kind: 'session', id: selector.sid, issuer }
    : { kind: 'subject', id: selector.subject, issuer }
}

function isSelected({ id, device, issuer, subject, providerSid }: Session, selector: SessionSelector): boolean {
  if ('session' in selector) return id === selector.session
  if ('device' in selector) return device.id === selector.device
  if (issuer !== selector.issuer) return false
  return 'sid' in selector ? providerSid === selector.sid : subject === selector.subject
}

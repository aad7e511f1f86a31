import { ignoreOutage } from '../base/fault.ts'
import type { Sealer } from '../base/sealer.ts'
import { Supervisor } from '../base/supervisor.ts'
import { positionMs } from '../cluster/position.ts'
import type { Receipt } from '../cluster/receipt.ts'
import { neverLookedUp } from '../oauth/token-facts.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { CookieValues } from './cookie-value.ts'
import type { RefreshQueue } from './refresh-queue.ts'
import { RefreshTurns } from './refresh-turns.ts'
import { type RefreshCounts, Refresher, type RefresherParts, refreshRefused } from './refresher.ts'
import {
  lastEndOf,
  type NewSession,
  type OpenedSession,
  type ProviderSelector,
  type Session,
  type SessionListing,
  type SessionSelector,
} from './session.ts'
import { type HeldSession, SessionCache } from './session-cache.ts'
import { type ProviderLogout, SessionStore, type StoredUse } from './session-store.ts'

/** An order by which all nodes end sessions. `issuer` is the identifier. */
export type EndOrder = { readonly reason?: string } & (
  | { readonly kind: 'subject'; readonly id: string; readonly issuer: string }
  /** By the issuer's `sid`. */
  | { readonly kind: 'session'; readonly id: string; readonly issuer: string }
  /** By the gate's own ids: these match whatever the clocks of nodes say. */
  | OwnSessions
)

type OwnSessions = { readonly kind: 'session'; readonly ids: readonly [string, ...string[]] } & (
  | { readonly issuer: string; readonly endsAtS: number }
  /** Redis has no record of them: neither issuer nor end is known. */
  | { readonly issuer: undefined }
)

export interface EndOptions {
  readonly wait: 'all' | 'none'
  readonly durable: boolean
}

export interface SessionsParts extends Pick<RefresherParts, 'trade' | 'log' | 'leaseMs'> {
  readonly link: RedisLink
  readonly sealer: Sealer
  /** Most sessions in this node's memory. */
  readonly heldMax: number
  /** Whether this node has heard of its end. */
  readonly ended: (session: Session) => boolean
  /** Whether this node has heard that the session with this id was ended by that id. For ids without a record. */
  readonly revoked: (id: string) => boolean
  /** Time of the last event of the cluster that this node has applied, ms since the epoch by Redis's clock. */
  readonly heardMs: () => number
  /** How long one of this issuer may last by the policy in force, ms; `undefined`: nobody logs in there any more. */
  readonly absoluteMs: (issuer: string) => number | undefined
  /** Tells all nodes. As {@link RevocationDesk.revoke}. */
  readonly revoke: (order: EndOrder, options: EndOptions) => Promise<Receipt>
  /** Takes orders, and answers nothing: a worker does it, if there is one. */
  readonly ahead: Pick<RefreshQueue, 'want'>
}

/** What an order to end sessions came to. */
export interface EndedSessions {
  /** `undefined`: the selector named no session, and nothing was written. */
  readonly receipt: Receipt | undefined
  /** Ids of the sessions that were found. Ids without a record were revoked as well, and are not listed. */
  readonly ended: readonly string[]
}

/** Sessions to end: those that are known, and ids of which Redis has lost the record. */
interface Doomed {
  readonly sessions: readonly Session[]
  readonly lost: readonly string[]
}

/** Uses of a session that lie closer together than this part of its idle life are told to Redis once. */
const TELL_PART = 10
const RETRY_MS = 1000
/** An access token that lives no longer than this is not worth an exchange. */
const SPENT_MS = 1000
/** Sessions of which others can wait for the refresh. More than that go on, but each by itself. */
const REFRESHING_MAX = 4096
/** Between two looks at whether a worker has refreshed a session. */
const LOOK_MIN_MS = 250
/** Longest that a stop waits for refreshes: the tokens of one that is broken off are lost. */
const CLOSE_MS = 15_000

/** Login sessions: shared by all nodes in Redis, and in this node's memory those that it has opened. */
export class Sessions {
  readonly #parts: SessionsParts
  readonly #store: SessionStore
  readonly #cookies: CookieValues
  readonly #cache: SessionCache
  readonly #refresher: Refresher
  readonly #upkeep = new Supervisor('session-upkeep')
  readonly #aheadTask = new Supervisor('session-refresh')
  readonly #refreshing = new Map<string, Promise<Session | undefined>>()

  constructor(parts: SessionsParts) {
    const { store, keys } = parts.link
    this.#parts = parts
    this.#store = new SessionStore(store, keys, parts.sealer)
    this.#refresher = new Refresher({
      ...parts,
      turns: new RefreshTurns(store, keys, this.#store),
      end: (session) => this.#endAll({ sessions: [session], lost: [] }, { session: session.id }, refreshRefused),
    })
    this.#cookies = new CookieValues(parts.sealer)
    this.#cache = new SessionCache(parts.heldMax)
  }

  /**
   * Begins a session under an id of its own: whatever id the browser came with has no part in it.
   *
   * @returns `logged-out` when the issuer has logged the person, or the `sid`, out since the login
   * @throws {RedisFault} as a rejection
   */
  async create({ begunAfterMs, ...input }: NewSession): Promise<OpenedSession | 'logged-out'> {
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
    const surplus = await this.#store.create(session, begunAfterMs)
    if (surplus === 'logged-out') return surplus
    if (surplus.length > 0) void this.#upkeep.attempt(() => this.#makeRoom(surplus, session))
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
    if (nowMs >= held.tellAtMs) void this.#upkeep.attempt(() => this.#tell(session, nowMs))
    return session
  }

  /** Whether it was ended, as far as this node has heard by now. For `check-revocation`; allocates nothing. */
  ended(session: Session): boolean {
    return this.#parts.ended(session)
  }

  /**
   * The session with an access token that lives; at once as a rule. `undefined`: it is over, and only a login helps.
   *
   * While tokens cannot be refreshed, the session goes on with what it has until that has run out.
   *
   * @throws {GatewayFault} as a rejection: `refresh-unavailable`, `store-unavailable`
   */
  fresh(session: Session): Session | undefined | Promise<Session | undefined> {
    const { accessExpiresAtS, refreshToken } = session.tokens
    if (accessExpiresAtS === undefined) return session
    const nowMs = Date.now()
    const leftMs = accessExpiresAtS * 1000 - nowMs
    if (refreshToken === undefined) return leftMs > 0 ? session : this.#runOut(session)
    if (leftMs <= SPENT_MS) return this.#awaited(session)
    const held = this.#cache.of(session.id)
    if (held !== undefined && nowMs >= held.refreshAtMs) this.#refreshAhead(held, leftMs, nowMs)
    return session
  }

  /**
   * The id of the session that a cookie value was made for; `undefined` for a value that was made with no key of this gate.
   * Whether the session still exists is not looked up: an id from here can be ended although Redis has lost its record, and
   * no client can make ids up.
   */
  idOf(cookie: string): string | undefined {
    return this.#cookies.idOf(cookie)
  }

  /** Whether this node has heard that the session was ended by its id. */
  revoked(id: string): boolean {
    return this.#parts.revoked(id)
  }

  /**
   * A new session in place of another one. The old session is dead on all nodes when this resolves, or as its receipt says,
   * also when Redis has lost its record.
   *
   * @param id  of the old session
   * @returns `logged-out` as {@link Sessions.create}; then the old session is as it was
   * @throws {GatewayFault} as a rejection
   */
  async replace(id: string, input: NewSession): Promise<OpenedSession | 'logged-out'> {
    const opened = await this.create(input)
    if (opened === 'logged-out') return opened
    await this.end({ session: id }, 'replaced')
    return opened
  }

  /**
   * Ends sessions on every node. A session named by its id is revoked also when Redis has lost its record: nodes may still
   * have it in memory. The caller vouches for such an id.
   *
   * @throws {GatewayFault} as a rejection
   */
  async end(selector: SessionSelector, reason?: string, options?: EndOptions): Promise<EndedSessions> {
    const ids = 'session' in selector ? [selector.session] : await this.#store.idsOf(selector)
    return this.#endAll(await this.#doomed(ids, selector), selector, reason, options)
  }

  /**
   * Ends sessions that the issuer has logged out, and has logins from before make no session: any login of a `sid`; of a
   * person, one whose `auth_time` is earlier than the logout token, or without `auth_time` one that began before the logout
   * arrived. Repeating it is harmless.
   *
   * @returns `other-subject` when the logout names a person and all sessions of the `sid` belong to others: none has ended
   * @throws {GatewayFault} as a rejection: perhaps not all sessions have ended, and it has to be repeated
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
    // Its place among the events dates the logout by one clock: a login that began before it had heard earlier events only.
    const { position } = await this.#parts.revoke(
      { ...orderOf(selector), reason },
      { wait: 'none', durable: options.durable },
    )
    const ids = await this.#store.logOut(selector, logout, positionMs(position))
    return this.#endAll(await this.#doomed(ids, selector), selector, reason, options)
  }

  /** Ends the sessions of a `sid` that belong to one person. An order for the whole `sid` is given only if nobody else has one. */
  async #endSidOf(
    subject: string,
    selector: ProviderSelector,
    logout: ProviderLogout,
    reason: string,
    options: EndOptions,
  ): Promise<EndedSessions | 'other-subject'> {
    // Without a place among the events: a `sid` that was logged out makes no session, whenever the login began.
    const { sessions, lost } = await this.#doomed(await this.#store.logOut(selector, logout, 0), selector)
    const own = sessions.filter((session) => session.subject === subject)
    const shared = own.length < sessions.length
    if (shared && own.length === 0) return 'other-subject'
    return this.#endAll({ sessions: own, lost }, selector, reason, options, shared ? [] : widerOrders(selector))
  }

  /** For the attempt of a login that begins now: {@link NewSession.begunAfterMs}. */
  get heardMs(): number {
    return this.#parts.heardMs()
  }

  /**
   * Ends the sessions that are found, by their own ids. For a caller that has revoked the person or the `sid` by itself:
   * that order compares clocks of nodes, and misses a session from a node whose clock is ahead.
   *
   * @throws {GatewayFault} as a rejection
   */
  async endFound(selector: ProviderSelector, reason?: string): Promise<void> {
    const found = await this.#doomed(await this.#store.idsOf(selector), selector)
    await this.#endAll(found, selector, reason, undefined, [])
  }

  async #endAll(
    { sessions, lost }: Doomed,
    selector: SessionSelector,
    reason: string | undefined,
    options: EndOptions = { wait: 'none', durable: false },
    wider = widerOrders(selector),
  ): Promise<EndedSessions> {
    const why = reason === undefined ? {} : { reason }
    const orders = [...ownOrders(sessions, lost), ...wider]
    let receipt: Receipt | undefined
    // Positions only rise: a node that has acknowledged the last order has applied all of them.
    for (const [i, order] of orders.entries()) {
      const last = i === orders.length - 1
      receipt = await this.#parts.revoke({ ...order, ...why }, last ? options : { wait: 'none', durable: false })
    }
    for (const { id } of sessions) this.#cache.drop(id)
    await Promise.all([...sessions.map((each) => this.#store.remove(each)), this.#store.forget(lost, selector)])
    return { receipt, ended: sessions.map(({ id }) => id) }
  }

  /**
   * The newest first, with the end that the policy in force sets. Those that it has ended already are not listed.
   *
   * @throws {RedisFault} as a rejection
   */
  async list(selector: SessionSelector): Promise<SessionListing[]> {
    const found = await this.#found(selector)
    found.sort((a, b) => b.session.createdAtS - a.session.createdAtS)
    const nowS = Date.now() / 1000
    return found.flatMap(({ session, usedAtS }) => {
      const { id, issuer, subject, device, createdAtS } = session
      const endsAtS = lastEndOf(session, this.#parts.absoluteMs(issuer) ?? 0)
      if (nowS >= endsAtS || this.#parts.ended(session)) return []
      return [{ id, issuer, subject, device, createdAtS, usedAtS, endsAtS }]
    })
  }

  get held(): number {
    return this.#cache.size
  }

  get refreshes(): Readonly<RefreshCounts> {
    return this.#refresher.counts
  }

  /** Waits for refreshes under way: a token that was traded and not stored is lost. */
  async close(): Promise<void> {
    const underWay = Promise.allSettled([...this.#refreshing.values(), this.#refresher.settled()])
    await Promise.race([underWay, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
  }

  /** @param listed  ids that Redis has for the selector; sessions in the memory of this node are added */
  async #doomed(listed: readonly string[], selector: SessionSelector): Promise<Doomed> {
    const ids = new Set(listed)
    for (const { session } of 'session' in selector ? [] : this.#cache.all()) {
      if (isSelected(session, selector) && !this.#parts.ended(session)) ids.add(session.id)
    }
    const sessions: Session[] = []
    const lost: string[] = []
    const look = async (id: string): Promise<void> => {
      const session = this.#cache.of(id)?.session ?? (await this.#store.look(id))?.session
      if (session === undefined) lost.push(id)
      else sessions.push(session)
    }
    await Promise.all(Array.from(ids, look))
    return { sessions, lost }
  }

  /** Sessions with a record. A listed id without a record may belong to a session that is being created: it stays listed. */
  async #found(selector: SessionSelector): Promise<StoredUse[]> {
    const ids = 'session' in selector ? [selector.session] : await this.#store.idsOf(selector)
    const looked = await Promise.all(ids.map((id) => this.#store.look(id)))
    return looked.filter((each) => each !== undefined)
  }

  /** Ends surplus sessions of one person or browser. After a failure they are still listed, and the next login tries again. */
  async #makeRoom(surplus: readonly string[], session: Session): Promise<void> {
    try {
      for (const id of surplus) await this.end({ session: id }, 'too many sessions')
      await this.#store.unlist(surplus, session)
    } catch (error) {
      this.#parts.log('warn', 'a session that is too many could not be ended', { problem: (error as Error).message })
    }
  }

  async #load(cookie: string): Promise<Session | undefined> {
    const id = this.#cookies.idOf(cookie)
    if (id === undefined) return undefined
    const stored = await this.#store.use(id, 0)
    if (typeof stored === 'string') {
      this.#cache.drop(id)
      return undefined
    }
    if (this.#parts.ended(stored)) {
      // By another name than its own: it is still stored, and the revocation is not kept for ever.
      await this.#store.remove(stored)
      return undefined
    }
    const held = this.#cache.of(id)
    // Another exchange may have been here meanwhile, and have refreshed it.
    if (held !== undefined && held.session.version >= stored.version) {
      held.usedAtMs = Date.now()
      return held.session
    }
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
      ...aheadOf(session, nowMs),
    })
  }

  /** Notes the use in Redis, for which nobody waits, and hears what has become of the session elsewhere. */
  async #tell({ id, version, lifetime }: Session, nowMs: number): Promise<void> {
    const held = this.#cache.of(id)!
    held.tellAtMs = nowMs + lifetime.idleMs / TELL_PART
    try {
      const stored = await this.#store.use(id, version)
      if (stored === 'gone' || stored === 'unreadable') this.#cache.drop(id)
      else if (stored !== 'same') this.#renew(stored)
    } catch {
      held.tellAtMs = nowMs + RETRY_MS
    }
  }

  /** A newer version of a session that is held. What has been found out about its end goes with it. */
  #renew(session: Session): Session {
    const held = this.#cache.of(session.id)
    if (held === undefined) return session
    if (session.version > held.session.version) {
      held.session = { ...session, revocation: held.session.revocation }
      Object.assign(held, aheadOf(held.session, Date.now()))
    }
    return held.session
  }

  /** First a worker is told; then it is looked whether it has been done; then the node does it itself. Nobody waits. */
  #refreshAhead(held: HeldSession, leftMs: number, nowMs: number): void {
    const { session } = held
    const { id, issuer, version } = session
    held.refreshAtMs = nowMs + Math.max(LOOK_MIN_MS, leftMs / 4)
    if (!held.ordered) {
      held.ordered = true
      this.#parts.ahead.want({ issuer, session: id, version })
    } else if (leftMs > held.aheadMs / 2) void this.#upkeep.attempt(() => this.#tell(session, nowMs))
    else void this.#aheadTask.attempt(() => ignoreOutage(this.#refresh(session)))
  }

  async #awaited(session: Session): Promise<Session | undefined> {
    try {
      return await this.#refresh(session)
    } catch (error) {
      if (Date.now() < session.tokens.accessExpiresAtS! * 1000) return session
      throw error
    }
  }

  /** One refresh of a session at a time in this node, however many wait for it. */
  #refresh(session: Session): Promise<Session | undefined> {
    const { id } = session
    const joined = this.#refreshing.get(id)
    if (joined !== undefined) return joined
    const refreshed = this.#refreshed(session)
    if (this.#refreshing.size >= REFRESHING_MAX) return refreshed
    const ended = refreshed.finally(() => this.#refreshing.delete(id))
    this.#refreshing.set(id, ended)
    return ended
  }

  async #refreshed(given: Session): Promise<Session | undefined> {
    // Somebody here may have been quicker, or another node: its tokens may have run out as well.
    let session = this.#cache.of(given.id)?.session ?? given
    if (session.version > given.version && !isSpent(session)) return session
    // What somebody else has got may have run out as well.
    for (let i = 0; i < 2; i++) {
      const next = await this.#refresher.refresh(session)
      // It may have been ended while the issuer was asked.
      if (next === undefined || this.#parts.ended(session)) {
        this.#cache.drop(session.id)
        return undefined
      }
      session = this.#renew(next)
      if (!isSpent(session)) break
    }
    return session
  }

  /** Over, with nothing to refresh it by. */
  #runOut(session: Session): undefined {
    this.#cache.drop(session.id)
    void this.#upkeep.attempt(() => ignoreOutage(this.#store.remove(session)))
    return undefined
  }
}

function isSpent({ tokens: { accessExpiresAtS } }: Session): boolean {
  return accessExpiresAtS !== undefined && accessExpiresAtS * 1000 - Date.now() <= SPENT_MS
}

/** When the refresh of a session begins: 30 to 60 s ahead of its end, spread, and less where tokens are short-lived. */
function aheadOf({ tokens }: Session, nowMs: number): Pick<HeldSession, 'aheadMs' | 'refreshAtMs' | 'ordered'> {
  const leftMs = (tokens.accessExpiresAtS ?? Number.POSITIVE_INFINITY) * 1000 - nowMs
  const aheadMs = Math.min(30_000 + Math.random() * 30_000, leftMs / 3)
  return { aheadMs, refreshAtMs: nowMs + leftMs - aheadMs, ordered: false }
}

/** Orders for sessions by their own ids: one for each issuer, and one for ids without a record. */
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

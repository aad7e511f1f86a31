import { ignoreOutage } from '../base/fault.ts'
import type { Sealer } from '../base/sealer.ts'
import { noRevocationLookup } from '../oauth/token-facts.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { redisTimeMs } from '../redis/redis-time.ts'
import type { ProviderSelector, Session, SessionSelector } from './session.ts'
import { SessionIndex } from './session-index.ts'

/**
 * Maximum number of sessions of one person, and of one device: the person's browsers with the same User-Agent. Above a
 * limit, the session that would expire first is ended.
 */
const LISTED_MAX = 100
/**
 * Maximum number of sessions per `sid`: in practice no limit. If an issuer gives the same `sid` to many people, the
 * login of one person must not end the session of another.
 */
const LISTED_BY_SID_MAX = 1_000_000_000

/**
 * Result of reading a session. `gone`: Redis has no such session. `same`: the caller already has the current version.
 * `unreadable`: no configured key can decrypt the session, or it was encrypted for another id or version.
 */
export type Stored = Session | 'gone' | 'same' | 'unreadable'

/** A stored session and the time of its last use, s since the Unix epoch. */
export interface StoredUse {
  readonly session: Session
  readonly usedAtS: number
}

/** A logout token that the issuer sent. */
export interface ProviderLogout {
  /** `iat` of the logout token, s since the Unix epoch. */
  readonly issuedAtS: number
  /** Time for which logins that began before the logout are refused, ms. */
  readonly rememberMs: number
  /**
   * Person whom the logout token names together with a `sid`. Sessions of other persons under the same `sid` stay
   * active.
   */
  readonly subject?: string | undefined
}

/**
 * Selects a list of sessions in Redis. A session is listed by its person, by its device (person and User-Agent), and by
 * its `sid` when the issuer provides one.
 */
type Whose = Exclude<SessionSelector, { readonly session: string }>

type Sealed = Omit<Session, 'id' | 'version' | 'revocation'>

/**
 * Stores sessions in Redis. Each session is sealed (encrypted) for its key and version, so that it cannot be replaced
 * by another session or by an older version of itself. Methods reject with `RedisFault`.
 */
export class SessionStore {
  /** The list of all sessions. The store only removes entries from it; see {@link SessionIndex.add}. */
  readonly index: SessionIndex
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #sealer: Sealer
  readonly #noteEnd: RedisScript
  readonly #create: RedisScript
  readonly #use: RedisScript
  readonly #list: RedisScript
  readonly #logOut: RedisScript

  constructor(client: RedisClient, keys: RedisKeys, sealer: Sealer) {
    this.#client = client
    this.#keys = keys
    this.#sealer = sealer
    this.index = new SessionIndex(client, keys)
    this.#noteEnd = client.script(new URL('./note-session-end.lua', import.meta.url))
    this.#create = client.script(new URL('./create-session.lua', import.meta.url))
    this.#use = client.script(new URL('./use-session.lua', import.meta.url))
    this.#list = client.script(new URL('./list-session.lua', import.meta.url))
    this.#logOut = client.script(new URL('./log-out-at-issuer.lua', import.meta.url))
  }

  /** Returns the time by the clock of Redis, by which sessions are stored, ms since the Unix epoch. */
  nowMs(): Promise<number> {
    return redisTimeMs(this.#client)
  }

  /**
   * Stores a new session, unless the issuer has logged out the person or the `sid` since the login.
   *
   * @returns ids of the sessions above the limit per person or device; `logged-out` when nothing was stored
   */
  async create(session: Session, begunAfterMs: number): Promise<readonly string[] | 'logged-out'> {
    const { id, issuer, lifetime, endsAtS } = session
    // Store the end of the session before the session can be found. A revocation is kept until the latest session end
    // that is stored for its issuer.
    await this.#noteEnd([this.#keys.sessionEnds], [issuer, endsAtS])
    // List the session before it is stored, because a session that is in no list could not be ended.
    const lists = listsOf(session)
    const [isRefused, ...listed] = await Promise.all([
      this.#isRefusedUnderOlderKeys(lists, session, begunAfterMs),
      ...lists.map((whose) => this.#enlist(whose, session, begunAfterMs)),
    ])
    if (isRefused || listed.some((surplus) => surplus === undefined)) {
      await this.unlist([id], session)
      return 'logged-out'
    }
    await this.#create([this.#keys.session(id)], [this.seal(session), lifetime.idleMs, endsAtS * 1000])
    return [...new Set(listed.flatMap((surplus) => surplus ?? []))]
  }

  /**
   * Stores a logout at the issuer, after which logins that began earlier create no session. Every earlier login is
   * either refused from now on, or its session is among the returned ids.
   *
   * @param eventMs  time of the logout event in the cluster's event log, ms since the Unix epoch
   * @returns the ids of all listed sessions, including ids without a record
   */
  async logOut(selector: ProviderSelector, logout: ProviderLogout, eventMs: number): Promise<string[]> {
    const kind = 'sid' in selector ? 'sid' : 'subject'
    const issuedAtS = kind === 'sid' ? '' : logout.issuedAtS
    // Repeat for each encryption key, because the names of the lists depend on the key, and a node with another first
    // key uses other names.
    const only = kind === 'sid' && logout.subject !== undefined ? { ...selector, subject: logout.subject } : undefined
    const persons = only && this.#namesOf(only)
    const replies = this.#namesOf(selector).map((name, i) => {
      const keys = [this.#keys.logoutAtIssuer(kind, name), this.#keys.sessionsOf(kind, name)]
      const args = [issuedAtS, eventMs, Math.ceil(logout.rememberMs), persons?.[i] ?? '']
      return this.#logOut(keys, args) as Promise<string[]>
    })
    return [...new Set((await Promise.all(replies)).flat())]
  }

  /**
   * Reads a session and extends its idle lifetime.
   *
   * @param version  version of the session that the caller already has; 0 for none
   */
  async use(id: string, version: number): Promise<Stored> {
    const reply = (await this.#use.buffers([this.#keys.session(id)], [version])) as [Buffer, Buffer, Buffer]
    const kind = String(reply[0])
    if (kind !== 'session') return kind as 'gone' | 'same'
    return this.open(id, Number(reply[1]), reply[2]) ?? 'unreadable'
  }

  /**
   * Reads a session without extending its idle lifetime; `undefined` when the session is gone or cannot be decrypted.
   */
  async read(id: string): Promise<StoredUse | undefined> {
    const reply = (await this.#client.callBuffer('HMGET', this.#keys.session(id), 'v', 'b', 't')) as (Buffer | null)[]
    const [version, blob, usedAtMs] = reply
    if (version == null || blob == null) return undefined
    const session = this.open(id, Number(version), blob)
    return session && { session, usedAtS: Math.floor(Number(usedAtMs) / 1000) }
  }

  /** Returns all session ids in a session list, including ids without a stored session. */
  async idsOf(whose: Whose): Promise<string[]> {
    const lists = this.#listKeys(whose).map((key) => this.#client.call('ZRANGE', key, 0, -1) as Promise<string[]>)
    return [...new Set((await Promise.all(lists)).flat())]
  }

  /** Removes session ids from all lists in which `session` is or would be listed. */
  async unlist(ids: readonly string[], session: Listed): Promise<void> {
    await Promise.all([
      ...listsOf(session).map((whose) => this.#unlist(ids, whose)),
      // Ignore a failure to remove the entry from the list of all sessions: only operators read this list, and its
      // entries expire.
      ignoreOutage(this.index.remove(ids, session.issuer)),
    ])
  }

  async remove(session: Session): Promise<void> {
    await this.#client.call('DEL', this.#keys.session(session.id))
    await this.unlist([session.id], session)
  }

  /**
   * Deletes the keys and list entries of sessions whose record is missing or unreadable.
   *
   * @param selector  selector that found the sessions
   */
  async forget(ids: readonly string[], selector: SessionSelector): Promise<void> {
    if (ids.length === 0) return
    const removed = ids.map((id) => this.#client.call('DEL', this.#keys.session(id)))
    await Promise.all('session' in selector ? removed : [...removed, this.#unlist(ids, selector)])
  }

  /**
   * Seals (encrypts) one version of a session for storage. The result can be decrypted only as that version of that
   * session.
   */
  seal({ id, version, revocation: _, ...sealed }: Session): Buffer {
    return this.#sealer.seal(JSON.stringify(sealed satisfies Sealed), this.#place(id, version))
  }

  open(id: string, version: number, blob: Buffer): Session | undefined {
    const text = this.#sealer.open(blob, this.#place(id, version))
    if (text === undefined) return undefined
    return { ...(JSON.parse(text) as Sealed), id, version, revocation: noRevocationLookup() }
  }

  /** Returns a device id: a keyed hash of issuer, subject and User-Agent, 32 hexadecimal digits. */
  deviceId(issuer: string, subject: string, userAgent: string): string {
    return this.#sealer.nameOf('device', issuer, subject, userAgent).slice(0, 32)
  }

  #place(id: string, version: number): string {
    return `${this.#keys.session(id)} ${version}`
  }

  /**
   * Returns the Redis keys of a session list, one per encryption key, so that entries from before a key rotation are
   * found. New entries are added under the first key.
   */
  #listKeys(whose: Whose): string[] {
    const kind = 'subject' in whose ? 'subject' : 'sid' in whose ? 'sid' : 'device'
    return this.#namesOf(whose).map((name) => this.#keys.sessionsOf(kind, name))
  }

  /** Returns the Redis keys of a logout at the issuer, one per encryption key, like {@link #listKeys}. */
  #logoutKeys(selector: ProviderSelector): string[] {
    const kind = 'sid' in selector ? 'sid' : 'subject'
    return this.#namesOf(selector).map((name) => this.#keys.logoutAtIssuer(kind, name))
  }

  #namesOf(whose: Whose): string[] {
    if (!('issuer' in whose)) return [whose.device]
    const named = 'subject' in whose ? ['subject', whose.issuer, whose.subject] : ['sid', whose.issuer, whose.sid]
    return this.#sealer.namesOf(...named).map((name) => name.slice(0, 32))
  }

  /**
   * Adds a session to the session list of a person, device or `sid`.
   *
   * @returns ids of the sessions above the list's limit; `undefined` when the issuer has logged out the person or the
   *   `sid` since the login
   */
  async #enlist(whose: Whose, session: Session, begunAfterMs: number): Promise<string[] | undefined> {
    const keys = [this.#listKeys(whose)[0]!]
    if (!('device' in whose)) keys.push(this.#logoutKeys(whose)[0]!)
    const max = 'sid' in whose ? LISTED_BY_SID_MAX : LISTED_MAX
    const [listed, ...surplus] = await this.#callList(keys, max, session, begunAfterMs, 0)
    return listed === 1 ? surplus : undefined
  }

  /**
   * Whether a logout from before a rotation of the encryption key refuses the login. Before the rotation no node knew
   * the key that is now first, so the logout is stored under the older keys only.
   */
  async #isRefusedUnderOlderKeys(lists: readonly Whose[], session: Session, begunAfterMs: number): Promise<boolean> {
    const asked = lists.flatMap((whose) => {
      if ('device' in whose) return []
      const [, ...olderLists] = this.#listKeys(whose)
      const [, ...olderLogouts] = this.#logoutKeys(whose)
      return olderLogouts.map((logout, i) => this.#callList([olderLists[i]!, logout], 0, session, begunAfterMs, i + 1))
    })
    return (await Promise.all(asked)).some(([listed]) => listed === 0)
  }

  /**
   * Runs the Redis script `list-session.lua`, which adds a session to a list.
   *
   * @param max  maximum number of listed sessions; 0 only checks whether the login is refused, and changes nothing
   * @param key  index of the encryption key from which the names of the Redis keys are derived
   */
  async #callList(
    keys: readonly string[],
    max: number,
    { id, issuer, subject, endsAtS, authTimeS }: Session,
    begunAfterMs: number,
    key: number,
  ): Promise<[number, ...string[]]> {
    const person = this.#namesOf({ issuer, subject })[key]!
    const args = [id, endsAtS * 1000, max, authTimeS ?? '', begunAfterMs, person]
    return (await this.#list([...keys], args)) as [number, ...string[]]
  }

  async #unlist(ids: readonly string[], whose: Whose): Promise<void> {
    await Promise.all(this.#listKeys(whose).map((key) => this.#client.call('ZREM', key, ...ids)))
  }
}

type Listed = Pick<Session, 'issuer' | 'subject' | 'device' | 'providerSid'>

function listsOf({ issuer, subject, device, providerSid }: Listed): Whose[] {
  const lists: Whose[] = [{ issuer, subject }, { device: device.id }]
  return providerSid === undefined ? lists : [...lists, { issuer, sid: providerSid }]
}

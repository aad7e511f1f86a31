import type { Sealer } from '../base/sealer.ts'
import { neverLookedUp } from '../oauth/token-facts.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { Session, SessionSelector } from './session.ts'

/** Sessions of one person, and of one browser, that are kept at a time. The one that ends first makes room. */
const LISTED_MAX = 100

/** What Redis says of a session: `unreadable` when no key of ours opens it, or it was not sealed for this place. */
export type Stored = Session | 'gone' | 'same' | 'unreadable'

/** A session as stored, and its last use, s since the epoch. */
export interface StoredUse {
  readonly session: Session
  readonly usedAtS: number
}

/** Sessions are listed by person, and by browser of a person. */
type Whose = Exclude<SessionSelector, { readonly session: string }>

type Sealed = Omit<Session, 'id' | 'version' | 'revocation'>

/**
 * Sessions in Redis: sealed, each for its own key and version, so that neither another session nor an older version of
 * the same can be put in its place. Throws `RedisFault` as a rejection.
 */
export class SessionStore {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #sealer: Sealer
  readonly #create: RedisScript
  readonly #use: RedisScript
  readonly #index: RedisScript

  constructor(client: RedisClient, keys: RedisKeys, sealer: Sealer) {
    this.#client = client
    this.#keys = keys
    this.#sealer = sealer
    this.#create = client.script(new URL('./create-session.lua', import.meta.url))
    this.#use = client.script(new URL('./use-session.lua', import.meta.url))
    this.#index = client.script(new URL('./index-session.lua', import.meta.url))
  }

  /** @returns ids of older sessions of this person or browser that are too many, and listed no more */
  async create(session: Session): Promise<readonly string[]> {
    const { id, issuer, subject, device, lifetime, endsAtS } = session
    // Listed first: a session that no list has could not be ended, and one that outlives what is revoked would be back.
    const [, ...surplus] = await Promise.all([
      this.#client.call('ZADD', this.#keys.sessionEnds, 'GT', endsAtS, issuer),
      this.#list(this.#listsOf({ issuer, subject })[0]!, session),
      this.#list(this.#listsOf({ device: device.id })[0]!, session),
    ])
    await this.#create([this.#keys.session(id)], [this.seal(session), lifetime.idleMs, endsAtS * 1000])
    return [...new Set(surplus.flat())]
  }

  /**
   * Reads it, and notes that it is in use.
   *
   * @param version  that is known already; 0: none
   */
  async use(id: string, version: number): Promise<Stored> {
    const reply = (await this.#use.buffers([this.#keys.session(id)], [version])) as [Buffer, Buffer, Buffer]
    const kind = String(reply[0])
    if (kind !== 'session') return kind as 'gone' | 'same'
    return this.open(id, Number(reply[1]), reply[2]) ?? 'unreadable'
  }

  /** Reads it without using it; `undefined` when it is gone, or cannot be read. */
  async look(id: string): Promise<StoredUse | undefined> {
    const reply = (await this.#client.callBuffer('HMGET', this.#keys.session(id), 'v', 'b', 't')) as (Buffer | null)[]
    const [version, blob, usedAtMs] = reply
    if (version == null || blob == null) return undefined
    const session = this.open(id, Number(version), blob)
    return session && { session, usedAtS: Math.floor(Number(usedAtMs) / 1000) }
  }

  /** Ids that are listed, those without a session included. */
  async idsOf(whose: Whose): Promise<string[]> {
    const lists = this.#listsOf(whose).map((key) => this.#client.call('ZRANGE', key, 0, -1) as Promise<string[]>)
    return [...new Set((await Promise.all(lists)).flat())]
  }

  async unlist(ids: readonly string[], whose: Whose): Promise<void> {
    await Promise.all(this.#listsOf(whose).map((key) => this.#client.call('ZREM', key, ...ids)))
  }

  async remove({ id, issuer, subject, device }: Session): Promise<void> {
    await this.#client.call('DEL', this.#keys.session(id))
    await Promise.all([this.unlist([id], { issuer, subject }), this.unlist([id], { device: device.id })])
  }

  /** Removes what is left of sessions without a readable record. @param selector  by which they were found */
  async forget(ids: readonly string[], selector: SessionSelector): Promise<void> {
    if (ids.length === 0) return
    const removed = ids.map((id) => this.#client.call('DEL', this.#keys.session(id)))
    await Promise.all('session' in selector ? removed : [...removed, this.unlist(ids, selector)])
  }

  /** What is stored for this version of a session, and opens as nothing else. */
  seal({ id, version, revocation: _, ...sealed }: Session): Buffer {
    return this.#sealer.seal(JSON.stringify(sealed satisfies Sealed), this.#place(id, version))
  }

  open(id: string, version: number, blob: Buffer): Session | undefined {
    const text = this.#sealer.open(blob, this.#place(id, version))
    if (text === undefined) return undefined
    return { ...(JSON.parse(text) as Sealed), id, version, revocation: neverLookedUp() }
  }

  /** Of the device that a person's browser is. */
  deviceId(issuer: string, subject: string, userAgent: string): string {
    return this.#sealer.nameOf('device', issuer, subject, userAgent).slice(0, 32)
  }

  #place(id: string, version: number): string {
    return `${this.#keys.session(id)} ${version}`
  }

  /** Of a person one under each encryption key: what was listed before a rotation is found. The first is written to. */
  #listsOf(whose: Whose): string[] {
    if (!('subject' in whose)) return [this.#keys.sessionsOf('device', whose.device)]
    const names = this.#sealer.namesOf('subject', whose.issuer, whose.subject)
    return names.map((name) => this.#keys.sessionsOf('subject', name.slice(0, 32)))
  }

  #list(key: string, { id, endsAtS }: Session): Promise<string[]> {
    return this.#index([key], [id, endsAtS * 1000, LISTED_MAX]) as Promise<string[]>
  }
}

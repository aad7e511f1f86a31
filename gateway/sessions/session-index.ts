import { createHash } from 'node:crypto'
import { ignoreOutage } from '../base/fault.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { Session } from './session.ts'

/** Place in the list of all sessions, after which the next page begins. */
export interface SessionCursor {
  /** Name of the issuer in the session list, made by `issuerName`. */
  readonly issuer: string
  /** End of the idle lifetime of the last session of the page, ms since the Unix epoch. */
  readonly endMs: number
  readonly id: string
}

/** A page of session ids, and the place at which the next page begins; `undefined` after the last page. */
export interface SessionIds {
  readonly ids: readonly string[]
  readonly next: SessionCursor | undefined
}

interface IndexPage {
  /** Number of listed sessions of the issuer on all pages. */
  readonly total: number
  readonly entries: readonly Pick<SessionCursor, 'id' | 'endMs'>[]
}

type Indexed = Pick<Session, 'id' | 'issuer' | 'lifetime' | 'endsAtS'>

/** Time for which new entries of the session list wait to be written together, ms. */
const BATCH_MS = 100
/**
 * Number of session list entries of one issuer that are written at once without further wait. Bounds the memory of
 * waiting entries.
 */
const BATCH_MAX = 500
/** Maximum number of entries of ended sessions that one call of the script removes; also in index-sessions.lua. */
const ENDED_MAX = 1000
/** Maximum number of calls that one `trim` makes. */
const TRIM_CALLS_MAX = 20

/**
 * Lists the ids of all sessions in Redis, by their issuer and the end of their idle lifetime. The list is for operators
 * only: no request waits for it or depends on it. It can lack a session that was not used since its last entry was lost,
 * and have an id without a session.
 */
export class SessionIndex {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #write: RedisScript
  readonly #page: RedisScript
  readonly #task = new Supervisor('session-upkeep')
  /**
   * Session list entries to write, by issuer and session id.
   *
   * @bound {@link BATCH_MAX} entries of each issuer | they are written at once | none
   */
  readonly #waiting = new Map<string, Map<string, Indexed>>()

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client
    this.#keys = keys
    this.#write = client.script(new URL('./index-sessions.lua', import.meta.url))
    this.#page = client.script(new URL('./page-sessions.lua', import.meta.url))
  }

  /**
   * Adds a session to the session list until the end of its idle lifetime, which has just begun. Writes the entry
   * within 100 ms, together with others. If Redis is unavailable then, the entry is lost until the next call for this
   * session.
   */
  add(session: Indexed): void {
    const { id, issuer } = session
    let entries = this.#waiting.get(issuer)
    if (entries === undefined) {
      entries = new Map()
      this.#waiting.set(issuer, entries)
      if (this.#waiting.size === 1) this.#task.after(BATCH_MS, () => ignoreOutage(this.flush()))
    }
    entries.set(id, session)
    if (entries.size < BATCH_MAX) return
    this.#waiting.delete(issuer)
    void this.#task.attempt(() => ignoreOutage(this.#writeAll(issuer, entries)))
  }

  /** Writes the waiting entries of the session list. @throws {RedisFault} as a rejection */
  async flush(): Promise<void> {
    const batches = [...this.#waiting]
    this.#waiting.clear()
    await Promise.all(batches.map(([issuer, entries]) => this.#writeAll(issuer, entries)))
  }

  /** Removes entries of the session list, also those that wait to be written. @throws {RedisFault} as a rejection */
  async remove(ids: readonly string[], issuer: string): Promise<void> {
    for (const id of ids) this.#waiting.get(issuer)?.delete(id)
    await this.#client.call('ZREM', this.#keyOf(issuerName(issuer)), ...ids)
  }

  /**
   * Returns the number of listed sessions of an issuer. Redis computes it in O(log n). @throws {RedisFault} as a
   * rejection
   */
  async count(issuer: string): Promise<number> {
    return (await this.#read(issuerName(issuer), 0, undefined)).total
  }

  /**
   * Removes up to 20,000 entries of sessions that have ended. Each entry that is written removes some too, so only the
   * list of an issuer without logins and uses needs it.
   *
   * @throws {RedisFault} as a rejection
   */
  async trim(issuer: string): Promise<void> {
    const key = this.#keyOf(issuerName(issuer))
    for (let calls = 0; calls < TRIM_CALLS_MAX; calls++) {
      if (((await this.#write([key], [])) as number) < ENDED_MAX) return
    }
  }

  /**
   * Returns a page of session ids. The session that would expire first is the first of its issuer, so a session that is
   * used meanwhile moves to a later page: a page can repeat it, but no page misses it.
   *
   * @param issuers  issuer identifiers
   * @param limit  maximum number of ids, at least 1
   * @param after  place after which the page begins, of the previous page
   * @throws {RedisFault} as a rejection
   */
  async page(issuers: readonly string[], limit: number, after: SessionCursor | undefined): Promise<SessionIds> {
    const found: SessionCursor[] = []
    for (const issuer of issuers.map(issuerName).toSorted()) {
      if (after !== undefined && issuer < after.issuer) continue
      const begin = after?.issuer === issuer ? after : undefined
      // Read one entry more than the page has, which shows whether another page follows.
      const { entries } = await this.#read(issuer, limit + 1 - found.length, begin)
      found.push(...entries.map((entry) => ({ ...entry, issuer })))
      if (found.length > limit) break
    }
    const shown = found.slice(0, limit)
    return { ids: shown.map(({ id }) => id), next: found.length > limit ? shown.at(-1) : undefined }
  }

  async #writeAll(issuer: string, entries: ReadonlyMap<string, Indexed>): Promise<void> {
    if (entries.size === 0) return
    const args = Array.from(entries.values(), ({ id, lifetime, endsAtS }) => [id, lifetime.idleMs, endsAtS * 1000])
    await this.#write([this.#keyOf(issuerName(issuer))], args.flat())
  }

  /**
   * Reads one page of the sessions of an issuer from Redis.
   *
   * @param name  name of the issuer in the key of the index
   */
  async #read(name: string, limit: number, after: SessionCursor | undefined): Promise<IndexPage> {
    const args = [after?.endMs ?? 0, after?.id ?? '', limit]
    const [total, ...flat] = (await this.#page([this.#keyOf(name)], args)) as [number, ...string[]]
    const entries: { id: string; endMs: number }[] = []
    for (let i = 0; i + 1 < flat.length; i += 2) entries.push({ id: flat[i]!, endMs: Number(flat[i + 1]) })
    return { total, entries }
  }

  #keyOf(name: string): string {
    return this.#keys.sessionsAt(name)
  }
}

/**
 * Returns the name of an issuer in key names and cursors, 32 hexadecimal digits. It is no secret, so the hash has no
 * key.
 */
export function issuerName(issuer: string): string {
  return createHash('sha256').update(issuer).digest('hex').slice(0, 32)
}

import { randomBytes } from 'node:crypto'
import { Sealer } from '../../base/sealer.ts'
import type { KeyRings } from '../../config/key-rings.ts'
import { RedisFault } from '../../redis/redis-fault.ts'
import type { RedisLink } from '../../redis/redis-link.ts'
import { CookieValues } from '../../sessions/cookie-value.ts'
import type { OperatorSession } from './console-session.ts'
import { MemorySessions } from './memory-sessions.ts'
import { RedisSessions } from './redis-sessions.ts'

/** A session of the console that the cookie of a browser names. */
export interface FoundSession {
  readonly id: string
  readonly session: OperatorSession
}

/**
 * Sessions of the console. All nodes share them in Redis, so the nodes' admin planes can stand behind one load
 * balancer. A node without Redis, or without encryption keys, keeps the sessions in its memory alone.
 *
 * While Redis is unavailable, a node continues with its copies of the sessions that were used there, and stores new
 * sessions in its memory: operators need the console then. The token of a session is verified at each call in any case.
 */
export class ConsoleSessions {
  /** Sealer with the purpose `console`. */
  readonly sealer: Sealer
  readonly #cookies: CookieValues
  readonly #memory: MemorySessions
  readonly #redis: RedisSessions | undefined

  /**
   * @param sealer  sealer with the purpose `console`
   * @param link    Redis; `undefined`: sessions are in memory only
   * @param nowMs   clock, ms since the epoch
   */
  constructor(sealer: Sealer, link: Pick<RedisLink, 'store' | 'keys'> | undefined, nowMs: () => number = Date.now) {
    this.sealer = sealer
    this.#cookies = new CookieValues(sealer)
    this.#memory = new MemorySessions(nowMs)
    this.#redis = link && new RedisSessions(link, sealer, nowMs)
  }

  /** Opens a console session under a new id, and returns the value of its cookie. */
  async open(session: OperatorSession): Promise<string> {
    const { value, id } = this.#cookies.mint()
    const stored = await this.#inRedis((redis) => redis.add(id, session))
    this.#memory.add(id, session, stored !== 'unavailable')
    return value
  }

  /**
   * Returns the session of a cookie value, and restarts its idle time. A value that no node has made is rejected without
   * a call to Redis.
   */
  async find(value: string): Promise<FoundSession | undefined> {
    const id = this.#cookies.read(value, '')?.id
    if (id === undefined) return undefined
    const stored = await this.#inRedis((redis) => redis.use(id))
    const own = this.#memory.use(id)
    if (stored === 'unavailable') return own && { id, session: own.session }
    if (stored !== undefined) return { id, session: await this.#merge(id, own?.session, stored) }
    // Redis does not have the console session: another node has ended it, unless Redis was unavailable at the log-in.
    if (own === undefined || own.stored) {
      this.#memory.remove(id)
      return undefined
    }
    return { id, session: own.session }
  }

  /**
   * Returns the newer of two states of a console session: of this node, and of Redis. Writes it where it is missing.
   */
  async #merge(id: string, own: OperatorSession | undefined, stored: OperatorSession): Promise<OperatorSession> {
    if (own === undefined) this.#memory.add(id, stored, true)
    else if ((own.tokenEndsAtMs ?? 0) > (stored.tokenEndsAtMs ?? 0)) {
      // This node refreshed the tokens of the console session while Redis was unavailable.
      await this.replace(id, own)
      return own
    } else this.#memory.replace(id, stored)
    return stored
  }

  /** Reads a console session again that was found before; `undefined` when it has ended. */
  async reread(id: string): Promise<OperatorSession | undefined> {
    const stored = await this.#inRedis((redis) => redis.use(id))
    return stored === 'unavailable' ? this.#memory.use(id)?.session : stored
  }

  /**
   * Gives the calling node the right to refresh the tokens of a session, for at most {@link CONSOLE_REFRESH_MS}.
   *
   * @returns false while another node has the right
   */
  async lock(id: string): Promise<boolean> {
    // While Redis is unavailable, each node with a copy of the session may refresh. Two such nodes can end the grant at an
    // issuer that rotates refresh tokens: the operator then logs in again.
    return (await this.#inRedis((redis) => redis.lock(id))) !== false
  }

  async unlock(id: string): Promise<void> {
    await this.#inRedis((redis) => redis.unlock(id))
  }

  /** Stores the refreshed tokens of a console session. */
  async replace(id: string, session: OperatorSession): Promise<void> {
    this.#memory.replace(id, session)
    await this.#inRedis((redis) => redis.replace(id, session))
  }

  /**
   * Ends a console session on every node.
   *
   * @throws {RedisFault} as a rejection: the session has ended on this node only
   */
  async end({ id, session }: FoundSession): Promise<void> {
    this.#memory.remove(id)
    await this.#redis?.remove(id, session)
  }

  /** Runs work in Redis. @returns `unavailable` without Redis, and when Redis does not carry the work out */
  async #inRedis<T>(work: (redis: RedisSessions) => Promise<T>): Promise<T | 'unavailable'> {
    if (this.#redis === undefined) return 'unavailable'
    try {
      return await work(this.#redis)
    } catch (error) {
      if (error instanceof RedisFault) return 'unavailable'
      throw error
    }
  }
}

/**
 * Creates the sessions of the console.
 *
 * @param link  connections to Redis; `undefined` when the node runs without Redis
 */
export function openConsoleSessions(
  keyRings: Pick<KeyRings, 'encryption'>,
  link: RedisLink | undefined,
): ConsoleSessions {
  const sealer = Sealer.following(keyRings.encryption, 'console')
  if (sealer !== undefined) return new ConsoleSessions(sealer, link)
  // Without encryption keys, seal cookies with a key of this process: another process does not accept them.
  return new ConsoleSessions(new Sealer([{ id: 'process', secret: randomBytes(32) }], 'console'), undefined)
}

import type { Sealer } from '../../base/sealer.ts'
import type { RedisScript } from '../../redis/redis-client.ts'
import type { RedisLink } from '../../redis/redis-link.ts'
import {
  CONSOLE_ABSOLUTE_MS,
  CONSOLE_IDLE_MS,
  CONSOLE_REFRESH_MS,
  CONSOLE_SESSIONS_MAX,
  CONSOLE_SESSIONS_OF_PERSON_MAX,
  type OperatorSession,
  personOf,
} from './console-session.ts'

/**
 * Sessions of the console in Redis, which all nodes of the cluster share. Each session is sealed (encrypted) for its
 * key. Methods reject with `RedisFault`.
 */
export class RedisSessions {
  readonly #link: Pick<RedisLink, 'store' | 'keys'>
  readonly #sealer: Sealer
  readonly #nowMs: () => number
  readonly #add: RedisScript
  readonly #use: RedisScript
  readonly #replace: RedisScript

  /** @param sealer  sealer with the purpose `console` */
  constructor(link: Pick<RedisLink, 'store' | 'keys'>, sealer: Sealer, nowMs: () => number) {
    this.#link = link
    this.#sealer = sealer
    this.#nowMs = nowMs
    this.#add = link.store.script(new URL('./add-console-session.lua', import.meta.url))
    this.#use = link.store.script(new URL('./use-console-session.lua', import.meta.url))
    this.#replace = link.store.script(new URL('./replace-console-session.lua', import.meta.url))
  }

  /** Stores a new console session. Above a limit, the console session that would end first is ended. */
  async add(id: string, session: OperatorSession): Promise<void> {
    const { keys, store } = this.#link
    const key = keys.consoleSession(id)
    const surplus = await this.#add(
      [key, keys.consoleSessions],
      [
        id,
        this.#pseudonymOf(session),
        this.#seal(session, key),
        session.endsAtMs - this.#nowMs(),
        CONSOLE_IDLE_MS,
        CONSOLE_ABSOLUTE_MS,
        CONSOLE_SESSIONS_OF_PERSON_MAX,
        CONSOLE_SESSIONS_MAX,
      ],
    )
    for (const each of surplus as string[]) await store.call('DEL', keys.consoleSession(each))
  }

  /**
   * Returns a console session and restarts its idle time; `undefined` when there is no such session, or no key can
   * decrypt it.
   */
  async use(id: string): Promise<OperatorSession | undefined> {
    const key = this.#link.keys.consoleSession(id)
    const blob = (await this.#use.buffers([key], [CONSOLE_IDLE_MS])) as Buffer | null
    const text = blob === null ? undefined : this.#sealer.open(blob, key)
    return text === undefined ? undefined : (JSON.parse(text) as OperatorSession)
  }

  /** Stores the refreshed tokens of a console session. Does nothing if the session has ended. */
  async replace(id: string, session: OperatorSession): Promise<void> {
    const key = this.#link.keys.consoleSession(id)
    await this.#replace([key], [this.#seal(session, key)])
  }

  /**
   * Takes the lock for the refresh of the tokens of a console session. @returns false while another process has the
   * lock
   */
  async lock(id: string): Promise<boolean> {
    const { keys, store } = this.#link
    return (await store.call('SET', keys.consoleRefresh(id), '1', 'NX', 'PX', CONSOLE_REFRESH_MS)) === 'OK'
  }

  async unlock(id: string): Promise<void> {
    await this.#link.store.call('DEL', this.#link.keys.consoleRefresh(id))
  }

  /** Ends a console session: removes it from Redis, so that every node rejects its cookie. */
  async remove(id: string, session: OperatorSession): Promise<void> {
    const { keys, store } = this.#link
    await store.call('DEL', keys.consoleSession(id))
    await store.call('ZREM', keys.consoleSessions, `${this.#pseudonymOf(session)}:${id}`)
  }

  #seal(session: OperatorSession, key: string): Buffer {
    return this.#sealer.seal(JSON.stringify(session), key)
  }

  #pseudonymOf(session: OperatorSession): string {
    return this.#sealer.nameOf('person', personOf(session)).slice(0, 32)
  }
}

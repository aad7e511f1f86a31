import { Supervisor } from '../base/supervisor.ts'
import type { RedisClient } from './redis-client.ts'

export type RedisLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

/** Connection losses within this time are logged together, ms, because a failed server breaks all its connections. */
const GATHER_MS = 250
/**
 * Time after which connections that are still lost are logged again, ms, from the first restored connection. Each
 * connection retries at least every 3 s.
 */
const STRAGGLE_MS = 6000

type Connection = Pick<RedisClient, 'closing'>

/** Logs the lost connections of one link together, since one unavailable server is one incident. @bound code */
export class LostConnections {
  readonly #log: RedisLog
  /** Names of the Redis connections that are lost now. */
  readonly #lost = new Map<Connection, string>()
  /** Names of all Redis connections lost since the last time that every connection was up. */
  readonly #named = new Set<string>()
  readonly #unlogged = new Set<string>()
  /** Reasons for the lost connections that are not logged yet. */
  readonly #reasons = new Set<string>()
  readonly #task = new Supervisor('redis-connection')
  /** Function that cancels the timer for the log line about lost connections. */
  #gathering: (() => void) | undefined
  /** Function that cancels the timer for the log line about connections that are still lost. */
  #straggling: (() => void) | undefined

  constructor(log: RedisLog) {
    this.#log = log
  }

  /**
   * Records that a Redis connection is lost.
   *
   * @param name  connection name without the `gatehouse-` prefix that CLIENT LIST shows
   */
  lose(connection: Connection, name: string, reason: string): void {
    if (this.#lost.has(connection)) return
    this.#lost.set(connection, name)
    this.#named.add(name)
    this.#unlogged.add(name)
    this.#reasons.add(reason)
    this.#gathering ??= this.#task.after(GATHER_MS, () => this.#logLosses())
  }

  /** Records that a Redis connection is established. Does nothing if the connection was not lost. */
  regain(connection: Connection): void {
    if (!this.#lost.delete(connection)) return
    if (this.#missing().length > 0) {
      this.#straggling ??= this.#task.after(STRAGGLE_MS, () => this.#logStragglers())
      return
    }
    this.#logLosses()
    this.#log('info', 'redis connection restored', { connections: [...this.#named] })
    this.close()
  }

  /** Logs the lost connections that are not logged yet and cancels the timers. */
  close(): void {
    this.#logLosses()
    this.#straggling?.()
    this.#straggling = undefined
    this.#lost.clear()
    this.#named.clear()
  }

  #logLosses(): void {
    this.#gathering?.()
    this.#gathering = undefined
    if (this.#unlogged.size === 0) return
    this.#log('warn', 'redis connection lost', {
      connections: [...this.#unlogged],
      reason: [...this.#reasons].join('; '),
    })
    this.#unlogged.clear()
    this.#reasons.clear()
  }

  #logStragglers(): void {
    this.#straggling = undefined
    const connections = this.#missing()
    if (connections.length > 0)
      this.#log('warn', 'redis connection still lost; other connections are restored', { connections })
  }

  #missing(): string[] {
    return [...this.#lost].filter(([{ closing }]) => !closing).map(([, name]) => name)
  }
}

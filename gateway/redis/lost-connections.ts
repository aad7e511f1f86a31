import { Supervisor } from '../base/supervisor.ts'
import type { RedisClient } from './redis-client.ts'

export type RedisLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

/** A server that dies takes all connections with it, within this time of each other. */
const GATHER_MS = 250
/** So long after the first of them is back, the others should be too: each tries again by itself, every 3 s at the most. */
const STRAGGLE_MS = 6000

type Connection = Pick<RedisClient, 'closing'>

/** Connections of one link that are lost: told together, since one server that is away is one trouble. */
export class LostConnections {
  readonly #log: RedisLog
  /** Names of those that are lost now. */
  readonly #lost = new Map<Connection, string>()
  /** Names of all that were lost since everything was there. */
  readonly #named = new Set<string>()
  readonly #untold = new Set<string>()
  /** Of those that are untold. */
  readonly #reasons = new Set<string>()
  readonly #task = new Supervisor('redis-connection')
  /** Each cancels its timer. */
  #gathering: (() => void) | undefined
  #straggling: (() => void) | undefined

  constructor(log: RedisLog) {
    this.#log = log
  }

  /** @param name  as CLIENT LIST shows it */
  lose(connection: Connection, name: string, reason: string): void {
    if (this.#lost.has(connection)) return
    this.#lost.set(connection, name)
    this.#named.add(name)
    this.#untold.add(name)
    this.#reasons.add(reason)
    this.#gathering ??= this.#task.after(GATHER_MS, () => this.#tell())
  }

  /** It is there, or there again. */
  regain(connection: Connection): void {
    if (!this.#lost.delete(connection)) return
    if (this.#missing().length > 0) {
      this.#straggling ??= this.#task.after(STRAGGLE_MS, () => this.#tellStragglers())
      return
    }
    this.#tell()
    this.#log('info', 'redis connection is back', { connections: [...this.#named] })
    this.close()
  }

  /** Tells what is still to be told. */
  close(): void {
    this.#tell()
    this.#straggling?.()
    this.#straggling = undefined
    this.#lost.clear()
    this.#named.clear()
  }

  #tell(): void {
    this.#gathering?.()
    this.#gathering = undefined
    if (this.#untold.size === 0) return
    this.#log('warn', 'redis connection lost', {
      connections: [...this.#untold],
      reason: [...this.#reasons].join('; '),
    })
    this.#untold.clear()
    this.#reasons.clear()
  }

  #tellStragglers(): void {
    this.#straggling = undefined
    const connections = this.#missing()
    if (connections.length > 0) this.#log('warn', 'redis connection still lost, while others are back', { connections })
  }

  #missing(): string[] {
    return [...this.#lost].filter(([{ closing }]) => !closing).map(([, name]) => name)
  }
}

import { randomBytes } from 'node:crypto'
import { Supervisor } from '../base/supervisor.ts'
import { type KeyKind, keyKinds, workerKinds } from '../config/key-kinds.ts'
import type { KeyRings } from '../config/key-rings.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { HeldKeys, type KeyProcess } from './held-keys.ts'

/** Time between two key reports of a process to Redis, ms. */
const REPORT_MS = 5000
/** Time after which a process without key reports is no longer listed, ms. */
const EXPIRY_MS = 3 * REPORT_MS + 1000
/**
 * Time for which Redis keeps the last use of a key, ms: two days longer than the longest session and the longest time
 * for which Redis keeps audit records, 30 days.
 */
const USE_MS = 32 * 24 * 3_600_000

export interface KeyHoldersDependencies {
  readonly link: RedisLink
  readonly keyRings: KeyRings
  readonly process: KeyProcess
  /** Called with the writing keys that the cluster appointed, after each report to Redis. */
  readonly appointed?: (keys: ReadonlyMap<KeyKind, string>) => void
}

/**
 * Publishes the keys of this process in Redis, every 5 s and after each change, and reads the published keys of all
 * processes.
 */
export class KeyHolders {
  readonly #dependencies: KeyHoldersDependencies
  readonly #client: RedisClient
  readonly #name: string
  readonly #task = new Supervisor('key-report')
  readonly #publish: RedisScript
  readonly #list: RedisScript
  #endReports: (() => void) | undefined

  constructor(dependencies: KeyHoldersDependencies) {
    const { link, keyRings, process } = dependencies
    this.#dependencies = dependencies
    this.#name = `${process.id}~${randomBytes(6).toString('base64url')}`
    this.#client = link.client('receipt', 'keys')
    this.#publish = this.#client.script(new URL('./publish-keys.lua', import.meta.url))
    this.#list = this.#client.script(new URL('./list-keys.lua', import.meta.url))
    for (const kind of keyKinds) keyRings.of(kind).changed(() => void this.#task.attempt(() => this.#report()))
  }

  start(): void {
    this.#endReports = this.#task.repeat(REPORT_MS, () => this.#report())
    this.#client.onReady(() => void this.#task.attempt(() => this.#report()))
  }

  /** Reads the keys of all processes. @throws {RedisFault} as a rejection */
  async read(): Promise<HeldKeys> {
    const { keyHolders, keyUse, writingKeys, sessionEnds } = this.#dependencies.link.keys
    return new HeldKeys((await this.#list([keyHolders, keyUse, writingKeys, sessionEnds], [])) as unknown[])
  }

  async close(): Promise<void> {
    this.#endReports?.()
    this.#task.stop()
    try {
      if (this.#client.ready) await this.#client.call('HDEL', this.#dependencies.link.keys.keyHolders, this.#name)
    } catch {
      // Ignore a failure of Redis: the entry of this process then stays in Redis until it expires.
    }
    await this.#client.close()
  }

  async #report(): Promise<void> {
    if (!this.#client.ready) return
    const { link, keyRings, process, appointed } = this.#dependencies
    const { keyHolders, keyUse, writingKeys } = link.keys
    const used = process.role === 'node' ? keyKinds : workerKinds
    const idsOf = (kind: KeyKind) => keyRings.of(kind).keys.map(({ id }) => id)
    const keys = { assertion: [], audit: [], ...Object.fromEntries(used.map((kind) => [kind, idsOf(kind)])) }
    const writes = Object.fromEntries(
      used.flatMap((kind) => {
        const id = keyRings.of(kind).writer?.id
        return id === undefined ? [] : [[kind, id]]
      }),
    )
    const entry = JSON.stringify({ ...process, keys, writes })
    let reply: unknown
    try {
      reply = await this.#publish([keyHolders, keyUse, writingKeys], [this.#name, entry, EXPIRY_MS, REPORT_MS, USE_MS])
    } catch {
      // Ignore an unavailable Redis, which RedisLink logs: the next key report follows in 5 s.
      return
    }
    const pairs = reply as string[]
    const found = new Map<KeyKind, string>()
    for (const kind of keyKinds) {
      const at = pairs.indexOf(kind)
      if (at >= 0 && at % 2 === 0) found.set(kind, pairs[at + 1]!)
    }
    appointed?.(found)
  }
}

/**
 * Appoints the writing keys of the cluster in the rings of a process.
 *
 * @param lacks  called with each writing key that the process lacks; it continues to write with its own key
 */
export function appointKeys(
  keyRings: KeyRings,
  writing: ReadonlyMap<KeyKind, string>,
  lacks: (kind: KeyKind, id: string) => void,
): void {
  for (const [kind, id] of writing) {
    const ring = keyRings.of(kind)
    if (ring.writer === undefined || ring.writer.id === id) continue
    if (ring.has(id)) ring.appoint(id)
    else lacks(kind, id)
  }
}

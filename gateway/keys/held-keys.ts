import { z } from 'zod'
import { isWorkerKind, type KeyKind } from '../config/key-kinds.ts'
import type { LifetimeInputs } from './key-lifetimes.ts'
import { lifetimeMs } from './key-lifetimes.ts'

const ids = z.array(z.string())

const holder = z.object({
  id: z.string(),
  role: z.enum(['node', 'worker']),
  // Keys of kind `policy`. Absent in the report of a process of an older release, which has no such keys.
  keys: z.object({ assertion: ids, encryption: ids, audit: ids, policy: ids.default([]) }),
  // Key with which the process writes, by kind; also kinds that only a later release knows.
  writes: z.record(z.string(), z.string()),
})

/** Record of one process in Redis: the keys that it has, and the key of each kind with which it writes. */
export type KeyHolder = z.output<typeof holder>

/** A node or worker, named in a list of the processes that have or lack a key. */
export interface KeyProcess {
  readonly id: string
  readonly role: 'node' | 'worker'
}

/** The keys of all processes of the cluster, as Redis had them at one time. */
export class HeldKeys {
  /** Time of the Redis server at the read of the keys, ms since the epoch. */
  readonly nowMs: number
  readonly holders: readonly KeyHolder[]
  readonly #use: ReadonlyMap<string, number>
  readonly #appointed: ReadonlyMap<string, string>
  readonly #sessionsEndMs: number

  /** @param reply  reply of the script list-keys.lua */
  constructor(reply: readonly unknown[]) {
    const [nowMs, holders, use, appointed, sessionsEndS] = reply as [string, string[], string[], string[], string]
    this.nowMs = Number(nowMs)
    this.holders = [...mapOf(holders).values()].flatMap((entry) => {
      const blank = entry.indexOf(' ')
      if (Number(entry.slice(0, blank)) < this.nowMs) return []
      const { data } = holder.safeParse(JSON.parse(entry.slice(blank + 1)))
      return data === undefined ? [] : [data]
    })
    this.#use = new Map([...mapOf(use)].map(([name, ms]) => [name, Number(ms)]))
    this.#appointed = mapOf(appointed)
    this.#sessionsEndMs = Number(sessionsEndS) * 1000
  }

  /** Id of the key that the cluster appointed as the writing key; `undefined` before the first rotation. */
  appointed(kind: KeyKind): string | undefined {
    return this.#appointed.get(kind)
  }

  /** Ids of all keys of a kind, sorted. */
  ids(kind: KeyKind): string[] {
    return [...new Set(this.holders.flatMap(({ keys }) => keys[kind]))].sort()
  }

  /**
   * Processes that need the key and lack it: all nodes, and the workers that have another key of this kind. Only nodes
   * have assertion and audit keys.
   */
  lacking(kind: KeyKind, id: string): KeyProcess[] {
    const needing = this.holders.filter(
      ({ role, keys }) => role === 'node' || (isWorkerKind(kind) && keys[kind].length > 0),
    )
    return needing.filter(({ keys }) => !keys[kind].includes(id)).map(({ id, role }) => ({ id, role }))
  }

  /** Time since which every node publishes an assertion key, ms since the epoch; `undefined` for an unknown key. */
  publishedSinceMs(id: string): number | undefined {
    return this.#use.get(`p:${id}`)
  }

  /** Time until which data that any process wrote with the key are in use, ms since the epoch; 0 for an unused key. */
  neededUntilMs(kind: KeyKind, id: string, inputs: LifetimeInputs): number {
    const isWriting = this.holders.some(({ writes }) => writes[kind] === id)
    const wroteMs = isWriting ? this.nowMs : this.#use.get(`w:${kind}/${id}`)
    if (wroteMs === undefined) return 0
    return wroteMs + lifetimeMs(kind, inputs, this.#sessionsEndMs - wroteMs)
  }
}

function mapOf(pairs: readonly string[]): Map<string, string> {
  const map = new Map<string, string>()
  for (let i = 0; i + 1 < pairs.length; i += 2) map.set(pairs[i]!, pairs[i + 1]!)
  return map
}

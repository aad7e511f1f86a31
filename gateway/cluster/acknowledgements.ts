import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { comparePositions, type Position } from './position.ts'

/** What is told may get lost; where each member stands is in Redis too. */
const LOOK_AGAIN_MS = 500
/** Members of which the last word is kept. */
const MEMBERS_MAX = 4096
/** Collections at a time. More than that wait for nobody. */
const COLLECTIONS_MAX = 1024

/** A member that is waited for. */
export interface Awaited {
  /** Of this life of the node. */
  readonly key: string
  /** Of the node. */
  readonly id: string
}

export interface Acknowledged {
  readonly node: string
  /** From the call until this node heard it, ms. */
  readonly ms: number
}

/** Hears how far each member has applied the events. One subscription for the life of a node. */
export class Acknowledgements {
  /** The first time that something can be heard. Without it nothing is lost: where members stand is looked up too. */
  readonly ready: Promise<void>
  readonly #task = new Supervisor('cluster-acknowledgements')
  readonly #client: RedisClient
  readonly #subscriber: RedisClient
  readonly #positionsKey: string
  readonly #heard = new Map<string, { readonly position: Position; readonly at: number }>()
  readonly #open = new Set<Collection>()

  /** @param client  for looking at what may have been missed */
  constructor(link: RedisLink, client: RedisClient) {
    this.#client = client
    this.#positionsKey = link.keys.positions
    this.#subscriber = link.client('subscriber', 'acknowledgements')
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ready = promise
    let asked = false
    this.#subscriber.onReady(() => {
      if (asked) return
      asked = true
      // Once it has succeeded, it is repeated after each reconnection.
      this.#subscriber
        .subscribe(link.keys.acknowledgements, (message) => this.#hear(message))
        .then(resolve, () => {
          asked = false
        })
    })
  }

  /**
   * Waits until these members have applied the event at `position`, no longer than `limitMs`.
   *
   * @param sentAt  when the event was sent, monotonic, ms
   */
  async collect(position: Position, members: readonly Awaited[], sentAt: number, limitMs: number): Promise<Collection> {
    const collection = new Collection(position, members, sentAt)
    for (const [key, { position, at }] of this.#heard) {
      // What was heard before is of a log that reached further, and has lost its tail since.
      if (at >= sentAt) collection.take(key, position, at)
    }
    if (limitMs <= 0 || collection.complete || this.#open.size >= COLLECTIONS_MAX) return collection
    this.#open.add(collection)
    const endLooking = this.#task.repeat(LOOK_AGAIN_MS, () => this.#look(collection))
    const late = setTimeout(() => collection.end(), limitMs)
    await collection.over
    endLooking()
    clearTimeout(late)
    this.#open.delete(collection)
    return collection
  }

  async close(): Promise<void> {
    for (const collection of this.#open) collection.end()
    await this.#subscriber.close()
  }

  /** `<member key> <position>` */
  #hear(message: string): void {
    const blank = message.lastIndexOf(' ')
    const key = message.slice(0, blank)
    const position = message.slice(blank + 1)
    const at = performance.now()
    this.#heard.delete(key)
    this.#heard.set(key, { position, at })
    if (this.#heard.size > MEMBERS_MAX) this.#heard.delete(this.#heard.keys().next().value!)
    for (const collection of this.#open) collection.take(key, position, at)
  }

  async #look(collection: Collection): Promise<void> {
    const keys = collection.missingKeys
    if (keys.length === 0) return
    try {
      const positions = (await this.#client.call('HMGET', this.#positionsKey, ...keys)) as readonly (string | null)[]
      const at = performance.now()
      for (const [i, key] of keys.entries()) {
        const position = positions[i]
        if (typeof position === 'string') collection.take(key, position, at)
      }
    } catch {
      // Redis has trouble: the next look may tell.
    }
  }
}

/** Who has applied an event, of those who must. */
export class Collection {
  readonly acknowledged: Acknowledged[] = []
  readonly over: Promise<void>
  readonly #position: Position
  readonly #missing: Map<string, string>
  readonly #sentAt: number
  readonly #end: () => void

  constructor(position: Position, members: readonly Awaited[], sentAt: number) {
    this.#position = position
    this.#missing = new Map(members.map(({ key, id }) => [key, id]))
    this.#sentAt = sentAt
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    this.#end = resolve
  }

  get complete(): boolean {
    return this.#missing.size === 0
  }

  /** Names of the nodes that have not said so. */
  get missing(): string[] {
    return [...this.#missing.values()]
  }

  get missingKeys(): string[] {
    return [...this.#missing.keys()]
  }

  /** Positions are cumulative: who stands there has applied all before it. */
  take(key: string, position: Position, at: number): void {
    const id = this.#missing.get(key)
    if (id === undefined || comparePositions(position, this.#position) < 0) return
    this.#missing.delete(key)
    this.acknowledged.push({ node: id, ms: Math.round((at - this.#sentAt) * 100) / 100 })
    if (this.complete) this.#end()
  }

  end(): void {
    this.#end()
  }
}

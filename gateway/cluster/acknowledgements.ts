import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { comparePositions, type Position } from './position.ts'

/**
 * Time between reads of the members' positions from Redis, ms. A published acknowledgement can be lost, but each member
 * also stores its position in Redis.
 */
const LOOK_AGAIN_MS = 500
/** Maximum number of members whose last acknowledged position in the event log this node keeps in memory. */
const MEMBERS_MAX = 4096
/**
 * Maximum number of calls of `collect` that wait for acknowledgements at the same time. A further call returns without
 * waiting.
 */
const COLLECTIONS_MAX = 1024

/** A member whose acknowledgement a revocation waits for. */
export interface AwaitedMember {
  /** Key of the member in the list of members; new at each start of its process. */
  readonly key: string
  /** Id of the node. */
  readonly id: string
}

export interface Acknowledged {
  readonly node: string
  /** Time from the start of the write of the event until this node received the acknowledgement, ms. */
  readonly ms: number
}

/**
 * Receives the position up to which each member of the cluster has applied the events, and waits for the members that
 * must acknowledge an event. Uses one Redis subscription for the lifetime of the process.
 */
export class Acknowledgements {
  /**
   * Resolves when the first subscription is confirmed. `collect` also works earlier, because it also reads the
   * positions from Redis.
   */
  readonly ready: Promise<void>
  readonly #task = new Supervisor('cluster-acknowledgements')
  readonly #client: RedisClient
  readonly #subscriber: RedisClient
  readonly #positionsKey: string
  /**
   * Position of each member, by its id.
   *
   * @bound {@link MEMBERS_MAX} members | the member heard of longest ago is forgotten | none
   */
  readonly #received = new Map<string, { readonly position: Position; readonly at: number }>()
  /**
   * Calls of `collect` that wait for acknowledgements. @bound {@link COLLECTIONS_MAX} waits | a further call replies
   * without a wait | none
   */
  readonly #open = new Set<Collection>()

  /** @param client  Redis connection to read the positions, in case a published acknowledgement was lost */
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
      // Subscribe again only until the first success: afterwards RedisClient renews the subscription at each
      // reconnection.
      this.#subscriber
        .subscribe(link.keys.acknowledgements, (message) => this.#receive(message))
        .then(resolve, () => {
          asked = false
        })
    })
  }

  /**
   * Waits until these members have applied the event at `position`, or until `limitMs` has passed. Returns immediately
   * when `limitMs` is 0, when all members have already acknowledged, or when 1024 calls are already waiting.
   *
   * @param sentAt  time at which the event was sent, monotonic, ms
   */
  async collect(
    position: Position,
    members: readonly AwaitedMember[],
    sentAt: number,
    limitMs: number,
  ): Promise<Collection> {
    const collection = new Collection(position, members, sentAt)
    for (const [key, { position, at }] of this.#received) {
      // Ignore a position that was received before `sentAt`: Redis may have lost the last entries of the log since, and
      // the position would then acknowledge an event that the member has not applied.
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

  /**
   * Notes the position (last applied event) of a member, and passes it to all calls of `collect` that wait.
   *
   * @param message  acknowledgement of a member: `<member key> <position>`
   */
  #receive(message: string): void {
    const blank = message.lastIndexOf(' ')
    const key = message.slice(0, blank)
    const position = message.slice(blank + 1)
    const at = performance.now()
    this.#received.delete(key)
    this.#received.set(key, { position, at })
    if (this.#received.size > MEMBERS_MAX) this.#received.delete(this.#received.keys().next().value!)
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
      // Ignore a failure of Redis: the positions of the missing members are read again after `LOOK_AGAIN_MS`.
    }
  }
}

/** The acknowledgements of one event: members that applied the event, and members that are still missing. */
export class Collection {
  /** Members of the cluster that have applied the event. @bound cluster */
  readonly acknowledged: Acknowledged[] = []
  readonly over: Promise<void>
  readonly #position: Position
  readonly #missing: Map<string, string>
  readonly #sentAt: number
  readonly #end: () => void

  constructor(position: Position, members: readonly AwaitedMember[], sentAt: number) {
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

  /** Ids of the nodes that have not acknowledged the event. */
  get missing(): string[] {
    return [...this.#missing.values()]
  }

  get missingKeys(): string[] {
    return [...this.#missing.keys()]
  }

  /**
   * Records a member's position (last applied event). A position is cumulative: the member applied the event at the
   * position and all events before it.
   */
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

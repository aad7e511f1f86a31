import { performance } from 'node:perf_hooks'
import type { Acknowledgements } from '../cluster/acknowledgements.ts'
import { KEEP_EVENTS_MS } from '../cluster/event.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import { readWrittenEvent } from '../cluster/written-event.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { type Drain, drainField, readDrain, writeDrain } from './drain.ts'

const EVENT = 'drain'
/** Maximum number of upstream drains of the cluster, including those that ended in the last day. */
export const DRAINS_MAX = 4096
/**
 * Time for which Redis keeps an ended drain of an upstream, ms. A node that was without Redis for longer may restore
 * the drain.
 */
const REMEMBER_MS = 86_400_000
/** Maximum wait until the nodes have applied a change of drains, ms. */
const WAIT_MS = 2000

export interface DrainsDependencies {
  readonly client: RedisClient
  readonly keys: RedisKeys
  readonly acknowledgements: Pick<Acknowledgements, 'collect'>
  /**
   * Applies the drains to the upstreams of this node. @param untilMs  ends of the drains, ms since the epoch, by
   * {@link drainField}
   */
  readonly onChange: (untilMs: ReadonlyMap<string, number>) => void
  readonly log: (level: 'info', message: string, fields: Readonly<Record<string, unknown>>) => void
}

/** An upstream of a service, which operators can drain. */
export interface NamedUpstream {
  readonly service: string
  readonly origin: string
}

/** Nodes that have applied a change of drains, and nodes that have not within 2 s. */
export interface DrainOutcome {
  readonly acknowledged: readonly string[]
  readonly missing: readonly string[]
}

/**
 * Upstreams that operators have drained, as replicated state of every node. The drains are in Redis, so they survive
 * restarts. While Redis is unavailable, a node keeps the drains that it knows.
 */
export class Drains implements SharedState {
  readonly kinds = [EVENT]
  readonly #dependencies: DrainsDependencies
  readonly #write: RedisScript
  /**
   * Latest change of each drained upstream, by service and origin.
   *
   * @bound {@link DRAINS_MAX} drains of the cluster | the drain is refused | none
   */
  readonly #drains = new Map<string, Drain>()

  constructor(dependencies: DrainsDependencies) {
    this.#dependencies = dependencies
    this.#write = dependencies.client.script(new URL('./write-drains.lua', import.meta.url))
  }

  apply(_kind: string, payload: Buffer): void {
    const change: unknown = JSON.parse(payload.toString())
    if (!Array.isArray(change)) return
    for (const each of change) {
      if (Array.isArray(each) && typeof each[0] === 'string') this.#take(each[0], readDrain(String(each[1])))
    }
    this.#changed()
  }

  async catchUp(): Promise<void> {
    const { client, keys } = this.#dependencies
    const pairs = (await client.call('HGETALL', keys.drains)) as string[]
    const stored = new Map<string, Drain>()
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const drain = readDrain(pairs[i + 1]!)
      if (drain !== undefined) stored.set(pairs[i]!, drain)
      this.#take(pairs[i]!, drain)
    }
    for (const [field, drain] of this.#drains) {
      if ((stored.get(field)?.changedMs ?? 0) >= drain.changedMs) continue
      if (drain.untilMs > Date.now() - REMEMBER_MS) await client.call('HSET', keys.drains, field, writeDrain(drain))
    }
    this.#changed()
  }

  /** Lists the upstream drains in force. @param nowMs  ms since the epoch */
  list(nowMs = Date.now()): (NamedUpstream & { readonly untilMs: number })[] {
    return [...this.#drains].flatMap(([field, { untilMs }]) => {
      const at = field.indexOf(' ')
      return untilMs > nowMs ? [{ service: field.slice(0, at), origin: field.slice(at + 1), untilMs }] : []
    })
  }

  /**
   * Drains upstreams on every node, and waits up to 2 s until the nodes have applied the change.
   *
   * @param forMs  duration; 0 ends the drains, infinity has no end
   * @returns `undefined` when the cluster has the maximum number of drains; nothing has changed then
   * @throws {RedisFault} as a rejection
   */
  async drain(upstreams: readonly NamedUpstream[], forMs: number): Promise<DrainOutcome | undefined> {
    const { keys, acknowledgements } = this.#dependencies
    const sentAt = performance.now()
    const duration = forMs === Number.POSITIVE_INFINITY ? '-' : forMs
    const fields = upstreams.map(({ service, origin }) => drainField(service, origin))
    const reply = await this.#write(
      [keys.events, keys.members, keys.memberFacts, keys.drains],
      [EVENT, KEEP_EVENTS_MS, DRAINS_MAX, REMEMBER_MS, duration, ...fields],
    )
    if (reply === null) return undefined
    const { position, members } = readWrittenEvent(reply as string[])
    // A node of an older version acknowledges the drain event, but does not drain the upstream.
    const able = members.filter(({ eventKinds }) => eventKinds.includes(EVENT))
    const collected = await acknowledgements.collect(position, able, sentAt, WAIT_MS)
    const unable = members.filter((member) => !able.includes(member)).map(({ id }) => id)
    return {
      acknowledged: collected.acknowledged.map(({ node }) => node),
      missing: [...collected.missing, ...unable],
    }
  }

  /** Applies a change of a drain, unless a later change of the same upstream is known. */
  #take(field: string, drain: Drain | undefined): void {
    const before = this.#drains.get(field)
    if (drain === undefined || (before !== undefined && before.changedMs >= drain.changedMs)) return
    if (before === undefined && this.#drains.size >= DRAINS_MAX) return
    this.#drains.set(field, drain)
    const [service, upstream] = field.split(' ')
    const isDrained = drain.untilMs > Date.now()
    if (!isDrained && before === undefined) return
    const { log } = this.#dependencies
    if (!isDrained) log('info', 'upstream no longer drained', { service, upstream })
    else log('info', 'upstream drained', { service, upstream, until: endText(drain.untilMs) })
  }

  #changed(): void {
    const forgottenMs = Date.now() - REMEMBER_MS
    for (const [field, { untilMs }] of this.#drains) if (untilMs < forgottenMs) this.#drains.delete(field)
    this.#dependencies.onChange(new Map([...this.#drains].map(([field, { untilMs }]) => [field, untilMs])))
  }
}

/** Returns the end of an upstream drain (RFC 3339); `null` for a drain without an end. */
export function endText(untilMs: number): string | null {
  return untilMs === Number.POSITIVE_INFINITY ? null : new Date(untilMs).toISOString()
}

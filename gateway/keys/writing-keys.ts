import { performance } from 'node:perf_hooks'
import type { Acknowledgements } from '../cluster/acknowledgements.ts'
import { KEEP_EVENTS_MS } from '../cluster/event.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import { readWrittenEvent } from '../cluster/written-event.ts'
import { type KeyKind, keyKinds } from '../config/key-kinds.ts'
import type { KeyRings } from '../config/key-rings.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'

const EVENT = 'key'

export interface WritingKeysDependencies {
  readonly client: RedisClient
  readonly keys: RedisKeys
  readonly keyRings: KeyRings
  readonly acknowledgements: Pick<Acknowledgements, 'collect'>
  readonly log: (level: 'info' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Outcome of a switch of the writing key. */
export interface Appointment {
  /** Ids of the nodes that have acknowledged the switch, and now sign or encrypt with the key. */
  readonly acknowledged: readonly string[]
  /** Ids of the nodes that have not acknowledged the switch. */
  readonly missing: readonly string[]
  /** Maximum time for which a node that has lost Redis still admits requests, ms. */
  readonly boundMs: number
}

/** The writing keys that the cluster appointed, as replicated state of every node. */
export class WritingKeys implements SharedState {
  readonly kinds = [EVENT]
  readonly #dependencies: WritingKeysDependencies
  readonly #append: RedisScript
  /** Id of the writing key by kind of key. @bound code */
  readonly #appointed = new Map<KeyKind, string>()
  #hasJoined = false
  /** Text of the last log line about a missing writing key, so that it is not repeated. */
  #missing: string | undefined

  constructor(dependencies: WritingKeysDependencies) {
    this.#dependencies = dependencies
    this.#append = dependencies.client.script(new URL('./appoint-key.lua', import.meta.url))
  }

  apply(_kind: string, payload: Buffer): void {
    const { kind, id } = JSON.parse(payload.toString()) as { kind?: unknown; id?: unknown }
    const known = keyKinds.find((each) => each === kind)
    if (known !== undefined && typeof id === 'string') this.#appoint(known, id)
  }

  /**
   * @throws {Error} as a rejection, when a node that joins lacks a writing key. The node joins once it has the key,
   *   because until then it could not decrypt what other nodes write
   */
  async catchUp(): Promise<void> {
    const { client, keys, keyRings, log } = this.#dependencies
    const pairs = (await client.call('HGETALL', keys.writingKeys)) as string[]
    for (const kind of keyKinds) {
      const at = pairs.indexOf(kind)
      const id = at >= 0 && at % 2 === 0 ? pairs[at + 1] : undefined
      const own = this.#appointed.get(kind)
      if (id === undefined) {
        if (own !== undefined) await client.call('HSETNX', keys.writingKeys, kind, own)
        continue
      }
      const ring = keyRings.of(kind)
      if (!this.#hasJoined && ring.writer !== undefined && !ring.has(id)) {
        const message = `the cluster writes with key \`${id}\` of keys.${kind}, which this node lacks; add the key to keys.${kind}`
        if (this.#missing !== message)
          log('error', 'node cannot join the cluster: it lacks the key that the cluster writes with', {
            problem: message,
          })
        this.#missing = message
        throw new Error(message)
      }
      this.#appoint(kind, id)
    }
    this.#hasJoined = true
  }

  /**
   * Makes a key the writing key of every node, and waits until the nodes have acknowledged.
   *
   * @throws {RedisFault} as a rejection
   */
  async appoint(kind: KeyKind, id: string, waitMs: number): Promise<Appointment> {
    const { keys, acknowledgements } = this.#dependencies
    const sentAt = performance.now()
    const names = [keys.events, keys.members, keys.memberFacts, keys.writingKeys]
    const reply = await this.#append(names, [EVENT, JSON.stringify({ kind, id }), KEEP_EVENTS_MS, kind, id])
    const { position, members, boundMs } = readWrittenEvent(reply as string[])
    const collected = await acknowledgements.collect(position, members, sentAt, waitMs)
    const acknowledged = collected.acknowledged.map(({ node }) => node)
    return { acknowledged, missing: collected.missing, boundMs }
  }

  #appoint(kind: KeyKind, id: string): void {
    const { keyRings, log } = this.#dependencies
    const ring = keyRings.of(kind)
    this.#appointed.set(kind, id)
    const before = ring.writer?.id
    ring.appoint(id)
    if (ring.writer !== undefined && !ring.has(id))
      log('error', 'the cluster writes with a key that this node lacks: add the key to the settings of the node', {
        kind,
        key: id,
      })
    else if (before !== ring.writer?.id)
      log('info', 'writing key switched: the node signs or encrypts with another key', { kind, key: id, before })
  }
}

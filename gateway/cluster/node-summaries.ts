import { performance } from 'node:perf_hooks'
import type { z } from 'zod'
import { Supervisor } from '../base/supervisor.ts'
import type { RedisKeys, SummaryTopic } from '../redis/keys.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import { RedisFault } from '../redis/redis-fault.ts'

/** Maximum size of a summary in Redis, bytes. */
export const SUMMARY_MAX_BYTES = 64 * 1024
/** Time for which Redis keeps a summary that the node no longer renews, ms. */
const KEEP_SUMMARY_MS = 10_000
/**
 * Time for which a node that stopped without leaving the cluster is still listed, without a summary, ms. A node that
 * leaves the cluster writes `LEFT` for this time.
 */
const NAMED_MS = 60_000
const LEFT = 'left'
/** Time for which callers share one read of the summaries, ms: many viewers cost as much as one. */
const SHARED_MS = 1000
/**
 * Pause after a summary as a multiple of the time that it took. A summary of a very large policy is published less
 * often, so that summaries use at most 0.1 % of a core.
 */
const REST = 1000
/** Longest pause between two summaries, ms. Shorter than the time for which Redis keeps them. */
const PAUSE_MAX_MS = 5000

/** Summary of one node, if the node published one. */
export interface NodeSummary<Body> {
  /** Id of the node. */
  readonly node: string
  /** `undefined`: the node published none in the last 10 s, or another version of Gatehouse wrote it. */
  readonly body: Body | undefined
}

/** Topic about which the nodes of a cluster publish summaries: how to write and read them. */
export interface SummaryKind<Body> {
  readonly topic: SummaryTopic
  /** Returns the time until the next summary, ms; at most 5 s. */
  readonly pauseMs: () => number
  /** Another version of Gatehouse may have written a summary, so the schema ignores unknown members. */
  readonly schema: z.ZodType<Body>
  /**
   * Writes the summary of this node as JSON, of at most `maxBytes`.
   *
   * @param maxBytes  `SUMMARY_MAX_BYTES`
   */
  write(maxBytes: number): string | Promise<string>
}

export interface NodeSummariesDependencies {
  readonly node: string
  readonly client: RedisClient
  readonly keys: Pick<RedisKeys, 'summary'>
  /** Returns the ids of the members of the cluster. @throws {GatewayFault} as a rejection */
  readonly members: () => Promise<Iterable<string>>
  /** Monotonic clock, ms. */
  readonly now?: () => number
}

/**
 * Publishes summaries of this node about one topic in Redis, and reads those of all nodes. Every node keeps one string
 * in Redis for each topic, which is small and expires, so a cluster view costs the other nodes nothing when it is read.
 */
export class NodeSummaries<Body> {
  readonly #kind: SummaryKind<Body>
  readonly #dependencies: NodeSummariesDependencies
  readonly #now: () => number
  readonly #endPublishing: () => void
  /**
   * Nodes that were members, with the time at which they last were, monotonic, ms.
   *
   * @bound the members of the last minute | the node is no longer listed | none
   */
  readonly #named = new Map<string, number>()
  /** Resolved when the latest summary is written, also after a failure. */
  #publishing: Promise<void> = Promise.resolve()
  /** Time that the node needed to make its last summary, ms. */
  #tookMs = 0
  #shared: { readonly atMs: number; readonly summaries: Promise<readonly NodeSummary<Body>[]> } | undefined

  constructor(kind: SummaryKind<Body>, dependencies: NodeSummariesDependencies) {
    this.#kind = kind
    this.#dependencies = dependencies
    this.#now = dependencies.now ?? (() => performance.now())
    this.#endPublishing = new Supervisor('node-summaries').repeat(
      () => Math.min(PAUSE_MAX_MS, Math.max(kind.pauseMs(), REST * this.#tookMs)),
      () => this.publish(),
    )
  }

  /** Publishes the summary of this node now. Does nothing while Redis is unavailable. */
  async publish(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#publishing = promise
    try {
      await this.#publish()
    } finally {
      resolve()
    }
  }

  async #publish(): Promise<void> {
    const { client } = this.#dependencies
    const begunMs = performance.now()
    const text = await this.#kind.write(SUMMARY_MAX_BYTES)
    this.#tookMs = performance.now() - begunMs
    if (client.ready) await this.#set(text, KEEP_SUMMARY_MS)
  }

  /**
   * Returns the summaries of all members of the cluster, and of the nodes that were members in the last minute and did
   * not leave it, sorted by node. Callers within 1 s share one read.
   *
   * @throws {GatewayFault} `store-unavailable`
   */
  read(): Promise<readonly NodeSummary<Body>[]> {
    const nowMs = this.#now()
    const shared = this.#shared
    if (shared !== undefined && nowMs - shared.atMs < SHARED_MS) return shared.summaries
    const summaries = this.#read(nowMs)
    this.#shared = { atMs: nowMs, summaries }
    // The callers get the error; the next caller reads again.
    summaries.catch(() => {
      this.#shared = undefined
    })
    return summaries
  }

  /** Ends the publishing, and marks this node as one that left the cluster. */
  async close(): Promise<void> {
    this.#endPublishing()
    // A summary that is being written must not replace the mark.
    await this.#publishing
    if (this.#dependencies.client.ready) await this.#set(LEFT, NAMED_MS)
  }

  async #set(text: string, keepMs: number): Promise<void> {
    const { client, keys, node } = this.#dependencies
    try {
      await client.call('SET', keys.summary(this.#kind.topic, node), text, 'PX', keepMs)
    } catch (error) {
      // Redis is unavailable or full, which other metrics report. The next summary replaces this one.
      if (!(error instanceof RedisFault)) throw error
    }
  }

  async #read(nowMs: number): Promise<NodeSummary<Body>[]> {
    const { client, keys, members } = this.#dependencies
    const running = new Set(await members())
    for (const node of running) this.#named.set(node, nowMs)
    for (const [node, atMs] of this.#named) if (nowMs - atMs >= NAMED_MS) this.#named.delete(node)
    const nodes = [...this.#named.keys()].sort()
    if (nodes.length === 0) return []
    // One pipeline and so one round trip: all calls are sent in the same tick.
    const texts = await Promise.all(nodes.map((node) => client.call('GET', keys.summary(this.#kind.topic, node))))
    const summaries: NodeSummary<Body>[] = []
    for (const [i, node] of nodes.entries()) {
      const text = texts[i]
      if (text === LEFT && !running.has(node)) this.#named.delete(node)
      else summaries.push({ node, body: this.#parsed(text) })
    }
    return summaries
  }

  #parsed(text: unknown): Body | undefined {
    if (typeof text !== 'string' || text.length > SUMMARY_MAX_BYTES) return undefined
    try {
      return this.#kind.schema.safeParse(JSON.parse(text)).data
    } catch {
      return undefined
    }
  }
}

/**
 * Joins as many JSON texts as fit into `maxBytes`, as the members of a JSON list.
 *
 * @returns the list without its brackets, and the number of texts that it has
 */
export function fittingTexts(
  texts: Iterable<string>,
  maxBytes: number,
): { readonly list: string; readonly count: number } {
  const fitting: string[] = []
  let size = 0
  for (const text of texts) {
    size += Buffer.byteLength(text) + 1
    if (size > maxBytes) break
    fitting.push(text)
  }
  return { list: fitting.join(','), count: fitting.length }
}

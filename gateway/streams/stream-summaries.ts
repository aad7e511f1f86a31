import { z } from 'zod'
import { Supervisor } from '../base/supervisor.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import type { ListedStream, StreamRegistry } from './stream-registry.ts'
import type { StreamSelector } from './stream-view.ts'

/** Time between two writes of this node's stream summary to Redis, ms. */
const PUBLISH_EVERY_MS = 5000
/** Time for which Redis keeps a summary, ms. */
const KEEP_MS = 15_000
/** Maximum number of streams in the summary of a node. */
const STREAMS_MAX = 200
/** Maximum size of a summary in Redis, characters. If the subjects of the streams are long, fewer streams fit. */
const SIZE_MAX = 128 * 1024

const optionalText = z.string().optional()
const optionalCount = z.number().optional()

/**
 * Schema of a summary in Redis. Another version of Gatehouse may have written the summary, so unknown members are
 * ignored.
 */
const storedSummary = z.object({
  atMs: z.number(),
  total: z.number(),
  streams: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(['websocket', 'events', 'download', 'upload']),
      route: z.string(),
      issuer: optionalText,
      subject: optionalText,
      session: optionalText,
      address: z.string(),
      startedMs: z.number(),
      messagesIn: optionalCount,
      messagesOut: optionalCount,
      bytesIn: z.number(),
      bytesOut: z.number(),
      held: z.boolean(),
    }),
  ),
})

/** Summary of the streams of one node. */
export interface StreamSummary {
  /** Id of the node. */
  readonly node: string
  /**
   * Time at which the summary was made, ms since the Unix epoch. The members `atMs` and `total` are `undefined` when
   * the node has published no summary.
   */
  readonly atMs: number | undefined
  /** Number of all streams of the node. */
  readonly total: number | undefined
  /** Number of streams in the summary. `streams` contains only those that the selector matches. */
  readonly summarized: number
  readonly streams: readonly ListedStream[]
}

export interface StreamSummariesDependencies {
  readonly node: string
  readonly registry: Pick<StreamRegistry, 'list'>
  readonly client: RedisClient
  readonly keys: Pick<RedisKeys, 'streamSummary'>
  /** Returns the ids of the members of the cluster. @throws {GatewayFault} as a rejection */
  readonly members: () => Promise<Iterable<string>>
}

/**
 * Publishes a summary of limited size of this node's streams in Redis every 5 s, and reads the summaries of all nodes.
 */
export class StreamSummaries {
  readonly #dependencies: StreamSummariesDependencies
  readonly #endPublishing: () => void

  constructor(dependencies: StreamSummariesDependencies) {
    this.#dependencies = dependencies
    this.#endPublishing = new Supervisor('stream-summary').repeat(PUBLISH_EVERY_MS, () => this.publish())
  }

  /** Publishes the summary of this node now. */
  async publish(): Promise<void> {
    const { client, keys, node } = this.#dependencies
    if (!client.ready) return
    try {
      await client.call('SET', keys.streamSummary(node), await this.#summary(), 'PX', KEEP_MS)
    } catch {
      // Ignore the error: Redis is unavailable or full. The next summary, 5 s later, replaces this one.
    }
  }

  async #summary(): Promise<string> {
    const { total, streams } = await this.#dependencies.registry.list({}, STREAMS_MAX)
    const head = `{"atMs":${Date.now()},"total":${total},"streams":[`
    const texts: string[] = []
    let size = head.length
    for (const stream of streams) {
      const text = JSON.stringify(stream)
      size += text.length + 1
      if (size > SIZE_MAX) break
      texts.push(text)
    }
    return `${head}${texts.join(',')}]}`
  }

  /**
   * Reads the summaries of all nodes, with the streams that the selector matches. If a node has more than 200 streams,
   * its summary contains only some of them.
   *
   * @throws {GatewayFault} `store-unavailable`
   */
  async read(selector: StreamSelector): Promise<StreamSummary[]> {
    const { client, keys, members } = this.#dependencies
    const nodes = [...(await members())].sort()
    return Promise.all(
      nodes.map(async (node) => summaryOf(node, await client.call('GET', keys.streamSummary(node)), selector)),
    )
  }

  close(): void {
    this.#endPublishing()
  }
}

function summaryOf(node: string, stored: unknown, selector: StreamSelector): StreamSummary {
  const read = storedSummary.safeParse(parsed(stored))
  if (!read.success) return { node, atMs: undefined, total: undefined, summarized: 0, streams: [] }
  const { atMs, total, streams } = read.data
  const wanted = Object.entries(selector) as [keyof StreamSelector, string][]
  // This type assertion adds members that are `undefined` where the JSON text lacks them.
  const selected = streams.filter((stream) => wanted.every(([name, value]) => stream[name] === value)) as ListedStream[]
  return { node, atMs, total, summarized: streams.length, streams: selected }
}

function parsed(stored: unknown): unknown {
  try {
    return typeof stored === 'string' ? JSON.parse(stored) : undefined
  } catch {
    return undefined
  }
}

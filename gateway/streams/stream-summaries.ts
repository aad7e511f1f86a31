import { z } from 'zod'
import {
  fittingTexts,
  NodeSummaries,
  type NodeSummariesDependencies,
  type SummaryKind,
} from '../cluster/node-summaries.ts'
import type { ListedStream, StreamRegistry } from './stream-registry.ts'
import type { StreamSelector } from './stream-view.ts'

/** Time between two summaries, ms. */
const PUBLISH_EVERY_MS = 2000
/** Maximum number of streams in the summary of a node. */
const STREAMS_MAX = 200
/** Part of a summary for the members besides the streams, bytes. */
const BESIDE_STREAMS_BYTES = 100

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

type StoredSummary = z.output<typeof storedSummary>

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

export interface StreamSummariesDependencies extends NodeSummariesDependencies {
  readonly registry: Pick<StreamRegistry, 'list'>
}

/** Publishes a summary of this node's streams every 2 s, and reads the summaries of all nodes. */
export class StreamSummaries {
  readonly #registry: Pick<StreamRegistry, 'list'>
  readonly #summaries: NodeSummaries<StoredSummary>

  constructor({ registry, ...dependencies }: StreamSummariesDependencies) {
    this.#registry = registry
    const kind: SummaryKind<StoredSummary> = {
      topic: 'streams',
      pauseMs: () => PUBLISH_EVERY_MS,
      schema: storedSummary,
      write: (maxBytes) => this.#write(maxBytes),
    }
    this.#summaries = new NodeSummaries(kind, dependencies)
  }

  /** Publishes the summary of this node now. */
  publish(): Promise<void> {
    return this.#summaries.publish()
  }

  async #write(maxBytes: number): Promise<string> {
    const { total, streams } = await this.#registry.list({}, STREAMS_MAX)
    const texts = streams.map((stream) => JSON.stringify(stream))
    const { list } = fittingTexts(texts, maxBytes - BESIDE_STREAMS_BYTES)
    return `{"atMs":${Date.now()},"total":${total},"streams":[${list}]}`
  }

  /**
   * Reads the summaries of all nodes, with the streams that the selector matches. If a node has more than 200 streams,
   * or more than fit into 64 KiB, its summary contains only some of them.
   *
   * @throws {GatewayFault} `store-unavailable`
   */
  async read(selector: StreamSelector): Promise<StreamSummary[]> {
    const summaries = await this.#summaries.read()
    return summaries.map(({ node, body }) => summaryOf(node, body, selector))
  }

  close(): Promise<void> {
    return this.#summaries.close()
  }
}

function summaryOf(node: string, body: StoredSummary | undefined, selector: StreamSelector): StreamSummary {
  if (body === undefined) return { node, atMs: undefined, total: undefined, summarized: 0, streams: [] }
  const { atMs, total, streams } = body
  const wanted = Object.entries(selector) as [keyof StreamSelector, string][]
  // This type assertion adds members that are `undefined` where the JSON text lacks them.
  const selected = streams.filter((stream) => wanted.every(([name, value]) => stream[name] === value)) as ListedStream[]
  return { node, atMs, total, summarized: streams.length, streams: selected }
}

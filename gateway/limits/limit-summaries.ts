import { performance } from 'node:perf_hooks'
import { z } from 'zod'
import {
  fittingTexts,
  NodeSummaries,
  type NodeSummariesDependencies,
  type SummaryKind,
} from '../cluster/node-summaries.ts'
import type { Bucket } from './bucket.ts'
import { LIST_MAX, type LimitService, type WindowListing } from './limit-service.ts'
import type { Limiter } from './limiter.ts'

/** Time between two summaries, ms. */
const PUBLISH_EVERY_MS = 2000
/** Part of a summary for the members besides the windows, bytes. */
const BESIDE_WINDOWS_BYTES = 100

/**
 * Schema of a summary in Redis. Another version of Gatehouse may have written the summary, so unknown members are
 * ignored.
 */
const storedSummary = z.object({
  atMs: z.number(),
  /** Number of all windows in the memory of the node. */
  total: z.number(),
  windows: z.array(
    z.object({
      /** Label of the limit. */
      limit: z.string(),
      identity: z.string(),
      /** Used part of the window by the knowledge of the node, 0 to 1. */
      used: z.number(),
    }),
  ),
})

type StoredSummary = z.output<typeof storedSummary>

/** A rate limit window with the nodes that used it recently. */
export interface ClusterWindow extends WindowListing {
  readonly nodes: readonly string[]
}

/** The fullest rate limit windows of the cluster, and the summaries in which they were searched. */
export interface ClusterLimits {
  /** Nodes in the order of their ids; `atMs` and `total` are `undefined` for a node without a recent summary. */
  readonly nodes: readonly {
    readonly node: string
    readonly atMs: number | undefined
    readonly total: number | undefined
    readonly summarized: number
  }[]
  /** The fullest window first, {@link LIST_MAX} at most. */
  readonly windows: readonly ClusterWindow[]
}

export interface LimitSummariesDependencies extends NodeSummariesDependencies {
  readonly limiter: Pick<Limiter, 'buckets'>
  readonly service: Pick<LimitService, 'rule' | 'listing'>
}

/**
 * Publishes every 2 s which rate limit windows of this node are the fullest, and merges the summaries of all nodes. A
 * summary has the names of windows only: their counts are read from Redis when an operator asks.
 */
export class LimitSummaries {
  readonly #limiter: Pick<Limiter, 'buckets'>
  readonly #service: Pick<LimitService, 'rule' | 'listing'>
  readonly #summaries: NodeSummaries<StoredSummary>

  constructor({ limiter, service, ...dependencies }: LimitSummariesDependencies) {
    this.#limiter = limiter
    this.#service = service
    const kind: SummaryKind<StoredSummary> = {
      topic: 'limits',
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

  /**
   * Returns the windows in the summaries of all nodes, the fullest first, with the counts of the whole cluster. Windows
   * of a limit that the policy of this node lacks are left out.
   *
   * @param limit  label of a limit; `undefined`: windows of all limits
   * @throws {LimitRefused} when the policy has no limit with this label
   * @throws {GatewayFault} `store-unavailable`
   */
  async read(limit?: string): Promise<ClusterLimits> {
    if (limit !== undefined) this.#service.rule(limit)
    const summaries = await this.#summaries.read()
    const merged = mergeWindows(summaries, limit)
    const windows = await Promise.all(merged.map((window) => this.#shown(window)))
    const nodes = summaries.map(({ node, body }) => ({
      node,
      atMs: body?.atMs,
      total: body?.total,
      summarized: body?.windows.length ?? 0,
    }))
    return { nodes, windows: windows.filter((window) => window !== undefined).sort(byFullness) }
  }

  close(): Promise<void> {
    return this.#summaries.close()
  }

  #write(maxBytes: number): string {
    const { total, fullest } = fullestWindows(this.#limiter.buckets(), performance.now())
    const texts = fullest.map(({ bucket: { rule, identity }, used }) =>
      JSON.stringify({ limit: rule.label, identity, used }),
    )
    const { list } = fittingTexts(texts, maxBytes - BESIDE_WINDOWS_BYTES)
    return `{"atMs":${Date.now()},"total":${total},"windows":[${list}]}`
  }

  async #shown({ limit, identity, nodes }: MergedWindow): Promise<ClusterWindow | undefined> {
    try {
      return { ...(await this.#service.listing(this.#service.rule(limit), identity)), nodes }
    } catch {
      // The policy of this node lacks the limit, or another version of Gatehouse writes identities in another form.
      return undefined
    }
  }
}

interface MergedWindow {
  readonly limit: string
  readonly identity: string
  used: number
  readonly nodes: string[]
}

function mergeWindows(
  summaries: readonly { readonly node: string; readonly body: StoredSummary | undefined }[],
  limit: string | undefined,
): readonly MergedWindow[] {
  const merged = new Map<string, MergedWindow>()
  for (const { node, body } of summaries) {
    for (const stored of body?.windows ?? []) {
      if (limit !== undefined && stored.limit !== limit) continue
      const name = JSON.stringify([stored.limit, stored.identity])
      const known = merged.get(name)
      if (known === undefined) merged.set(name, { ...stored, nodes: [node] })
      else {
        known.used = Math.max(known.used, stored.used)
        known.nodes.push(node)
      }
    }
  }
  return [...merged.values()].sort((a, b) => b.used - a.used).slice(0, LIST_MAX)
}

function byFullness(a: WindowListing, b: WindowListing): number {
  return (b.used ?? 0) / b.requests - (a.used ?? 0) / a.requests
}

interface RankedWindow {
  readonly bucket: Bucket
  readonly used: number
}

/**
 * Returns the fullest windows by the knowledge of this node, {@link LIST_MAX} at most, and the number of all windows.
 * Makes no call to Redis: with 100,000 windows, it reads each of them and sorts few.
 */
export function fullestWindows(
  buckets: Iterable<Bucket>,
  nowMs: number,
): { readonly total: number; readonly fullest: readonly RankedWindow[] } {
  let total = 0
  let least = -1
  let ranked: RankedWindow[] = []
  const cut = () => {
    ranked = ranked.sort((a, b) => b.used - a.used || b.bucket.usedMs - a.bucket.usedMs).slice(0, LIST_MAX)
    if (ranked.length === LIST_MAX) least = ranked.at(-1)!.used
  }
  for (const bucket of buckets) {
    total++
    const used = usedPart(bucket, nowMs)
    if (used <= least) continue
    ranked.push({ bucket, used })
    if (ranked.length === 2 * LIST_MAX) cut()
  }
  cut()
  return { total, fullest: ranked }
}

/** Used part of a window at the latest reply of Redis, 0 to 1; 0 when that reply is older than the window. */
function usedPart({ rule, lease, left, answeredMs }: Bucket, nowMs: number): number {
  if (nowMs - answeredMs > rule.windowMs) return 0
  return Math.min(1, Math.max(0, 1 - (lease?.left ?? left) / rule.requests))
}

import { quantile } from '../harness/statistics.ts'
import { leastSquares, type Observation, predict, relativeErrors } from './least-squares.ts'

/**
 * Terms of the cost per second: an idle node; a request at a busy node; the extra cost of a request at an idle node,
 * which wakes up for it; a *lease*, which is a subject with a leased limit at one node; the extra cost of a request
 * under an exact limit.
 */
export const terms = ['node', 'request', 'light', 'lease', 'exact'] as const
export type Amounts = Readonly<Record<(typeof terms)[number], number>>

/** Load of a cluster per second. */
export interface Usage {
  readonly amounts: Amounts
  /** Requests at all nodes together. */
  readonly nodeCpuUs: number
  readonly redisCpuUs: number
  readonly redisCommands: number
}

export interface Fit {
  readonly costs: Amounts
  /** Relative errors: median and maximum. */
  readonly error: { readonly median: number; readonly worst: number }
}

export interface ScaleModel {
  readonly nodeCpuUs: Fit
  readonly redisCpuUs: Fit
  readonly redisCommands: Fit
}

export function fitModel(usages: readonly Usage[]): ScaleModel {
  const of = (found: (usage: Usage) => number): Fit =>
    fitted(usages.map((usage) => ({ amounts: terms.map((term) => usage.amounts[term]), found: found(usage) })))
  return {
    nodeCpuUs: of((usage) => usage.nodeCpuUs),
    redisCpuUs: of((usage) => usage.redisCpuUs),
    redisCommands: of((usage) => usage.redisCommands),
  }
}

function fitted(observations: readonly Observation[]): Fit {
  const costs = leastSquares(observations, terms.length)
  const errors = Float64Array.from(relativeErrors(observations, costs)).sort()
  const [node, request, light, lease, exact] = costs as [number, number, number, number, number]
  return {
    costs: { node, request, light, lease, exact },
    error: { median: quantile(errors, 0.5), worst: quantile(errors, 1) },
  }
}

export function predicted({ costs }: Fit, amounts: Amounts): number {
  return predict(
    terms.map((term) => amounts[term]),
    terms.map((term) => costs[term]),
  )
}

/** Planned load of a cluster per second. */
export interface Demand {
  readonly requests: number
  /** Part of the requests under an exact limit. */
  readonly exactShare: number
  /** Active subjects with a leased limit. */
  readonly subjects: number
  /**
   * Whether the load balancer sends all requests of a subject to the same node. Each subject then holds one lease,
   * instead of one per node.
   */
  readonly subjectsStay?: boolean
}

export interface Size {
  readonly nodes: number
  readonly shards: number
  readonly redisCommands: number
  /** Resulting size and load per second. */
  readonly amounts: Amounts
}

/** Planned utilisation of a core by a node or a shard. The rest is for bursts and for failed nodes. */
export const BUSY = 0.6
const CORE_US = 1e6

/**
 * Calculates the nodes, of one core each, and the Redis shards for a load. The cost of idle nodes falls on one shard,
 * because the event log of the cluster has a single order; leases and windows are distributed over all shards.
 *
 * @returns `undefined` when no number is enough, because each node adds more load than it can handle
 */
export function sizeFor(model: ScaleModel, demand: Demand): Size | undefined {
  let nodes = 1
  for (;;) {
    const amounts = amountsOf(model, demand, nodes)
    const needed = Math.ceil(predicted(model.nodeCpuUs, amounts) / (BUSY * CORE_US))
    if (needed <= nodes) {
      const shards = Math.ceil(predicted(model.redisCpuUs, amounts) / (BUSY * CORE_US))
      return { nodes, shards: Math.max(1, shards), redisCommands: predicted(model.redisCommands, amounts), amounts }
    }
    if (needed > 100_000) return undefined
    nodes = needed
  }
}

/**
 * Nodes at their planned utilisation are busy. A subject has a lease at each node that its requests reach: all nodes,
 * or one with a sticky balancer. A subject with so few requests that each would need a new lease costs a call per
 * request, like an exact limit.
 */
function amountsOf(model: ScaleModel, demand: Demand, nodes: number): Amounts {
  const { requests, exactShare, subjects, subjectsStay = false } = demand
  const busy = { node: nodes, request: requests, light: 0 }
  const leased = { ...busy, lease: subjectsStay ? subjects : nodes * subjects, exact: requests * exactShare }
  const called = { ...busy, lease: 0, exact: requests }
  return predicted(model.nodeCpuUs, leased) <= predicted(model.nodeCpuUs, called) ? leased : called
}

import { quantile } from '../harness/statistics.ts'
import { leastSquares, type Observation, predict, relativeErrors } from './least-squares.ts'

/**
 * Terms of the scaling model, amounts per second. `node`: an idle node. `request`: a request at a busy node. `light`:
 * additional cost of a request at an idle node, which wakes up for it. `lease`: a subject with a leased limit at one
 * node. `exact`: additional cost of a request under an exact limit.
 */
export const terms = ['node', 'request', 'light', 'lease', 'exact'] as const
export type Amounts = Readonly<Record<(typeof terms)[number], number>>

/** Measured load and resource usage of a cluster per second. */
export interface Usage {
  readonly amounts: Amounts
  /** CPU time of all nodes together, µs per second. */
  readonly nodeCpuUs: number
  readonly redisCpuUs: number
  readonly redisCommands: number
}

export interface Fit {
  readonly costs: Amounts
  /** Relative error of the fit: median and maximum of all measured values; 0.1 means 10 %. */
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

/** Load per second for which the size of a cluster is calculated. */
export interface Demand {
  readonly requests: number
  /** Share of the requests that are counted by an exact limit, 0 to 1. */
  readonly exactShare: number
  /** Number of active subjects with a leased limit. */
  readonly subjects: number
  /**
   * Whether the load balancer sends all requests of a subject to the same node. Each subject then has a lease at one
   * node only, instead of at each node.
   */
  readonly subjectsStay?: boolean
}

export interface Size {
  readonly nodes: number
  readonly shards: number
  readonly redisCommands: number
  /** Amount of each cost term per second at the calculated size. */
  readonly amounts: Amounts
}

/**
 * Planned utilisation of a CPU core by a node or a Redis shard: 60 %. The remaining 40 % are for bursts and for the
 * failure of other nodes.
 */
export const BUSY = 0.6
const CORE_US = 1e6

/**
 * Calculates how many nodes (one CPU core each) and Redis shards a load needs. Leases and windows are distributed over
 * all shards. The cost of idle nodes falls on one shard, because the event log of the cluster has a single order.
 *
 * @returns `undefined` when no number of nodes is enough, because each further node adds more load than it can handle
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
 * Returns the amounts of the cost terms for a number of nodes, all busy. A subject has a lease at each node that its
 * requests reach: at one node with a sticky load balancer, else at all nodes. For subjects with few requests, a Redis
 * call per request is cheaper than leases; such a load costs as much as an exact limit.
 */
function amountsOf(model: ScaleModel, demand: Demand, nodes: number): Amounts {
  const { requests, exactShare, subjects, subjectsStay = false } = demand
  const busy = { node: nodes, request: requests, light: 0 }
  const leased = { ...busy, lease: subjectsStay ? subjects : nodes * subjects, exact: requests * exactShare }
  const called = { ...busy, lease: 0, exact: requests }
  return predicted(model.nodeCpuUs, leased) <= predicted(model.nodeCpuUs, called) ? leased : called
}

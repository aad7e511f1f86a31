import { quantile } from '../harness/statistics.ts'
import { leastSquares, type Observation, predict, relativeErrors } from './least-squares.ts'

/**
 * What costs something, a second: a node that is there; a request at a busy node; what it costs more at one that has little
 * to do, which wakes up for it alone; a *lease*, which is a subject with a leased limit at one node; a request under an exact
 * limit, beside what every request costs.
 */
export const terms = ['node', 'request', 'light', 'lease', 'exact'] as const
export type Amounts = Readonly<Record<(typeof terms)[number], number>>

/** Of a cluster, a second. */
export interface Usage {
  readonly amounts: Amounts
  /** Of all nodes together. */
  readonly nodeCpuUs: number
  readonly redisCpuUs: number
  readonly redisCommands: number
}

export interface Fit {
  readonly costs: Amounts
  /** Relative: in the middle, and at worst. */
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

/** What a cluster is to bear, a second. */
export interface Demand {
  readonly requests: number
  /** Part of them under an exact limit. */
  readonly exactShare: number
  /** Subjects with a leased limit that are active. */
  readonly subjects: number
  /** A balancer sends a subject to the same node each time. */
  readonly subjectsStay?: boolean
}

export interface Size {
  readonly nodes: number
  readonly shards: number
  readonly redisCommands: number
  /** What it then is and does, a second. */
  readonly amounts: Amounts
}

/** Part of a core that a node or a shard uses when all is well: the rest is for bursts, and for one that is gone. */
export const BUSY = 0.6
const CORE_US = 1e6

/**
 * How many nodes, of one core each, and how many Redis shards a load needs. What nodes cost by being there all meets one
 * shard, since the log of the cluster has one order; leases and windows spread over all.
 *
 * @returns `undefined` when no number is enough: each node adds more than it bears
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
 * Nodes that are used as far as they should be are busy. A subject has a lease at each node, since its requests reach all of
 * them, unless a balancer keeps it at one; where it comes so seldom that each request would need a new one, a request costs a call instead, as an exact one.
 */
function amountsOf(model: ScaleModel, demand: Demand, nodes: number): Amounts {
  const { requests, exactShare, subjects, subjectsStay = false } = demand
  const busy = { node: nodes, request: requests, light: 0 }
  const leased = { ...busy, lease: subjectsStay ? subjects : nodes * subjects, exact: requests * exactShare }
  const called = { ...busy, lease: 0, exact: requests }
  return predicted(model.nodeCpuUs, leased) <= predicted(model.nodeCpuUs, called) ? leased : called
}

import { table } from '../../deploy/docs/markdown.ts'
import { formatNumber, type Spread } from '../harness/statistics.ts'
import {
  type Amounts,
  BUSY,
  type Demand,
  type Fit,
  predicted,
  type ScaleModel,
  type Size,
  sizeFor,
  terms,
} from '../scale/model.ts'
import { type Kept, provenance } from './kept.ts'

type Figures = Readonly<Record<string, Spread>>

const sizes = [1, 2, 4, 8] as const
const LOAD = 1_000_000

/** Markdown table of CPU time and Redis commands by the number of nodes in the cluster. */
export function measuredText(run: Kept, toResults: string): string {
  const figures = figuresOf(run)
  const of = (name: string): string => (figures[name] === undefined ? '' : whole(figures[name].median))
  const both = (time: string, commands: string): string => `${time}, ${commands}`
  const rows = sizes.map((n) => [
    String(n),
    both(
      `${formatNumber(figures[`idle_${n}_node_us_per_second`]!.median / 1000)} ms/s`,
      of(`idle_${n}_redis_commands_per_second`),
    ),
    `${of(`plain_${n}_cpu_us_per_request`)} µs`,
    both(`${of(`leased_${n}_cpu_us_per_request`)} µs`, of(`leased_${n}_redis_commands_per_second`)),
    both(`${of(`exact_${n}_cpu_us_per_request`)} µs`, of(`exact_${n}_redis_commands_per_second`)),
    figures[`saturated_${n}_cpu_us_per_request`] === undefined ? '' : `${of(`saturated_${n}_cpu_us_per_request`)} µs`,
  ])
  const { rate, tokens } = run.record.findings[0]!.conditions
  return `${table(['nodes', 'idle: CPU of a node, Redis commands/s', 'no limit', 'leased limit, Redis commands/s', 'exact limit, Redis commands/s', 'saturated'], rows)}

${rate} requests a second at each node, ${tokens} subjects, limits of 10 s that no subject reaches, audit to Redis. The cost of a request under a
leased limit at 8 nodes is ${formatNumber(figures['cpu_growth_1_to_8']!.median)} of its cost at one node.

${provenance(run, toResults)}`
}

/** Markdown table with the costs of the scaling model, fitted to the measured values, and the errors of the fit. */
export function modelText(run: Kept): string {
  const figures = figuresOf(run)
  const model = modelOf(figures)
  const row = (name: string, { costs, error }: Fit): string[] => [
    name,
    ...terms.map((term) => formatNumber(costs[term])),
    `${percent(error.median)}, ${percent(error.worst)}`,
  ]
  const rows = [
    row('CPU of the nodes, µs', model.nodeCpuUs),
    row('CPU of Redis, µs', model.redisCpuUs),
    row('commands of Redis', model.redisCommands),
  ]
  const headers = ['cost', 'idle node', 'request', 'extra at a light load', 'lease', 'extra under an exact limit']
  const nodeUs = model.redisCpuUs.costs.node
  const bears = nodeUs === 0 ? 'any number of' : `about ${whole((BUSY * 1e6) / nodeUs)}`
  return `${table([...headers, 'error of the fit (median, maximum)'], rows)}

The cost of idle nodes in Redis falls on one shard, because the event log of the cluster has one order. By this model,
one shard can serve ${bears} nodes at ${percent(BUSY)}.`
}

/**
 * Markdown table of the cluster sizes that the scaling model gives for 1,000,000 requests per second. Shows the
 * calculation of one row in steps.
 */
export function demandText(run: Kept): string {
  const model = modelOf(figuresOf(run))
  const demands: readonly (readonly [subjects: string, balancer: string, demand: Demand])[] = [
    ['none, no exact limits either', 'any', { requests: LOAD, exactShare: 0, subjects: 0 }],
    ['100 (partners)', 'any', { requests: LOAD, exactShare: 0.01, subjects: 100 }],
    ['100', 'sends a subject to one node', { requests: LOAD, exactShare: 0.01, subjects: 100, subjectsStay: true }],
    ['10,000 (customers)', 'any', { requests: LOAD, exactShare: 0.01, subjects: 10_000 }],
    [
      '10,000',
      'sends a subject to one node',
      { requests: LOAD, exactShare: 0.01, subjects: 10_000, subjectsStay: true },
    ],
  ]
  const rows = demands.map(([subjects, balancer, demand]) => {
    const size = sizeFor(model, demand)
    if (size === undefined) return [subjects, balancer, 'no number is enough', '', '', '']
    const leased = demand.subjects === 0 ? '' : size.amounts.lease > 0 ? 'leases' : 'one Redis call per request'
    return [subjects, balancer, leased, whole(size.nodes), cores(model.redisCpuUs, size), whole(size.shards)]
  })
  const second = sizeFor(model, demands[1]![2])
  const shown = table(
    ['subjects with leased limits', 'balancer', 'permits by', 'nodes', 'Redis: cores', 'shards'],
    rows,
  )
  return second === undefined ? shown : `${shown}\n\n${stepsText(model, second)}`
}

function stepsText(model: ScaleModel, size: Size): string {
  const { nodes, shards, amounts } = size
  const sum = (fit: Fit): string =>
    terms
      .filter((term) => amounts[term] > 0)
      .map((term) => `${whole(amounts[term])} × ${formatNumber(fit.costs[term])} µs (${names[term]})`)
      .join(' + ')
  return `Calculation of the second row, per second. Nodes: ${sum(model.nodeCpuUs)} = ${cores(model.nodeCpuUs, size)} cores, which are ${whole(nodes)} nodes at ${percent(BUSY)}.
Redis: ${sum(model.redisCpuUs)} = ${cores(model.redisCpuUs, size)} cores, which are ${whole(shards)} shards at ${percent(BUSY)}.`
}

const names: Readonly<Record<keyof Amounts, string>> = {
  node: 'idle nodes',
  request: 'requests',
  light: 'light load',
  lease: 'leases',
  exact: 'exact limits',
}

function cores(fit: Fit, { amounts }: Size): string {
  return formatNumber(predicted(fit, amounts) / 1e6)
}

function modelOf(figures: Figures): ScaleModel {
  const fitOf = (name: string): Fit => {
    const at = (ending: string): number => figures[`model_${name}_${ending}`]!.median
    const costs = Object.fromEntries(terms.map((term) => [term, at(`per_${term}`)])) as unknown as Amounts
    return { costs, error: { median: at('error_percent') / 100, worst: at('worst_error_percent') / 100 } }
  }
  return { nodeCpuUs: fitOf('node_us'), redisCpuUs: fitOf('redis_us'), redisCommands: fitOf('redis_commands') }
}

function figuresOf({ record }: Kept): Figures {
  return record.findings[0]!.figures
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

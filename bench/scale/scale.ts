import { setTimeout as sleep } from 'node:timers/promises'
import { arrivals, onlyStatus } from '../harness/arrivals.ts'
import { cpuTimeUs } from '../harness/cpu.ts'
import { load } from '../harness/load.ts'
import type { BenchNode } from '../harness/node.ts'
import { policyOf, roomyLimit } from '../harness/policy.ts'
import type { BenchRedis } from '../harness/redis.ts'
import type { Scenario } from '../harness/scenario.ts'
import { formatNumber, type Spread, single } from '../harness/statistics.ts'
import type { LineChart } from '../report/chart.ts'
import { BUSY, type Fit, fitModel, predicted, type ScaleModel, sizeFor, terms, type Usage } from './model.ts'

const sizes = [1, 2, 4, 8] as const
const kinds = ['idle', 'plain', 'exact', 'leased', 'saturated'] as const
type Kind = (typeof kinds)[number]

interface Step extends Usage {
  readonly kind: Kind
  readonly nodes: number
}

/**
 * One cluster that grows. At each size: idle; a fixed rate at each node, so that a node does the same work whatever stands
 * beside it, without a limit, under a leased and under an exact one; and as much as the machine bears, under a leased one.
 */
export const scale: Scenario<'seconds' | 'rate' | 'tokens' | 'rest'> = {
  name: 'scale',
  about: '1, 2, 4, 8 nodes around one Redis, a model fitted to it, and what a load needs by it',
  options: {
    seconds: { about: 'length of one step', usual: 5, quick: 2 },
    rate: { about: 'requests a second at each node', usual: 600, quick: 200 },
    tokens: { about: 'subjects', usual: 50, quick: 20 },
    rest: { about: 'seconds before a size, in which leases of the last one end', usual: 12, quick: 3 },
  },
  async run(site, { seconds, rate, tokens: count, rest }) {
    const redis = await site.redis()
    const service = {
      upstreams: [`http://127.0.0.1:${site.upstream.port}`],
      routes: [
        { ...routeOf('plain'), limits: [] },
        { ...routeOf('leased'), limits: [roomyLimit('leased')] },
        { ...routeOf('exact'), limits: [roomyLimit('exact')] },
      ],
    }
    const plan = { policy: policyOf(site.issuer.url, { orders: service }), redis: redis.url }
    const authorizations = await site.tokens(count)
    const nodes: BenchNode[] = []
    const steps: Step[] = []
    for (const size of sizes) {
      nodes.push(...(await site.nodes(size - nodes.length, plan)))
      const offer = async (path: string): Promise<number> => {
        const options = { perSecond: rate, seconds, connections: 16, authorizations, path }
        const results = await Promise.all(nodes.map((node) => arrivals(node, options)))
        const wrong = results.find((result) => !onlyStatus(result, 200))
        if (wrong !== undefined) throw new Error(`${size} nodes, ${path}: ${JSON.stringify(wrong.replies)}`)
        return results.reduce((sum, { requests }) => sum + requests, 0)
      }
      const work: Record<Kind, () => Promise<number>> = {
        idle: async () => {
          await sleep(seconds * 1000)
          return 0
        },
        plain: () => offer('/plain/1'),
        leased: () => offer('/leased/1'),
        exact: () => offer('/exact/1'),
        saturated: async () =>
          (await load(nodes, { connections: 64, seconds, authorizations, path: '/leased/1' })).requests,
      }
      // Every token known at every node.
      await work.plain()
      await sleep(rest * 1000)
      for (const kind of kinds) {
        const step = await measured(kind, nodes, redis, count, work[kind])
        steps.push(step)
        site.progress(`${size} × ${kind}: ${told(step)}`)
      }
    }
    const model = fitModel(steps)
    return { figures: figures(steps, model), broken: [], notes: notes(model), charts: charts(steps, model) }
  },
}

function routeOf(id: string) {
  return { id, match: { path: `/${id}/**` }, require: { scopes: { all: ['orders:read'] } } }
}

async function measured(
  kind: Kind,
  nodes: readonly BenchNode[],
  redis: BenchRedis,
  subjects: number,
  work: () => Promise<number>,
): Promise<Step> {
  const before = nodes.map(({ pid }) => cpuTimeUs(pid))
  const startedMs = performance.now()
  const { result: requests, use } = await redis.during(work)
  const seconds = (performance.now() - startedMs) / 1000
  const nodeCpuUs = nodes.reduce((sum, { pid }, i) => sum + cpuTimeUs(pid) - before[i]!, 0)
  const leased = kind === 'leased' || kind === 'saturated'
  return {
    kind,
    nodes: nodes.length,
    amounts: {
      node: nodes.length,
      request: requests / seconds,
      lease: leased ? nodes.length * subjects : 0,
      exact: kind === 'exact' ? requests / seconds : 0,
    },
    nodeCpuUs: nodeCpuUs / seconds,
    redisCpuUs: use.cpuUs / seconds,
    redisCommands: use.commands / seconds,
  }
}

function told({ amounts, nodeCpuUs, redisCpuUs, redisCommands }: Step): string {
  const requests = amounts.request === 0 ? '' : `${formatNumber(nodeCpuUs / amounts.request)} µs a request, `
  return `${requests}Redis ${formatNumber(redisCommands)} commands and ${formatNumber(redisCpuUs / 1000)} ms of CPU a second`
}

function figures(steps: readonly Step[], model: ScaleModel): Record<string, Spread> {
  const found: Record<string, Spread> = {}
  for (const step of steps) {
    const name = `${step.kind}_${step.nodes}`
    if (step.kind === 'idle') found[`${name}_node_us_per_second`] = single(step.nodeCpuUs / step.nodes)
    else found[`${name}_cpu_us_per_request`] = single(step.nodeCpuUs / step.amounts.request)
    found[`${name}_redis_us_per_second`] = single(step.redisCpuUs)
    found[`${name}_redis_commands_per_second`] = single(step.redisCommands)
  }
  const perRequest = (nodes: number): number => found[`leased_${nodes}_cpu_us_per_request`]!.median
  found['cpu_growth_1_to_8'] = single(perRequest(8) / perRequest(1))
  for (const [name, fit] of fits(model)) {
    for (const term of terms) found[`model_${name}_per_${term}`] = single(fit.costs[term])
    found[`model_${name}_error_percent`] = single(fit.error.median * 100)
    found[`model_${name}_worst_error_percent`] = single(fit.error.worst * 100)
  }
  return found
}

function fits(model: ScaleModel): readonly (readonly [name: string, fit: Fit])[] {
  return [
    ['node_us', model.nodeCpuUs],
    ['redis_us', model.redisCpuUs],
    ['redis_commands', model.redisCommands],
  ]
}

/** Clients with a limit of their own: few partners, or many users. */
const subjectCounts = [100, 10_000] as const

function notes(model: ScaleModel): string[] {
  const equations = fits(model).map(([name, { costs, error }]) => {
    const sum = terms.map((term) => `${formatNumber(costs[term])} × ${term}`).join(' + ')
    const off = `off by ${formatNumber(error.median * 100)} % in the middle, ${formatNumber(error.worst * 100)} % at worst`
    return `${name} a second = ${sum}; ${off}.`
  })
  const loads = [10_000, 100_000, 1_000_000].flatMap((requests) =>
    subjectCounts.map((subjects) => {
      const size = sizeFor(model, { requests, exactShare: 0.01, subjects })
      const load = `${requests} requests/s, 1 % under exact limits, ${subjects} subjects with leased ones`
      if (size === undefined) return `${load}: no number of nodes is enough.`
      const commands = formatNumber(size.redisCommands)
      return `${load}: ${size.nodes} nodes of one core and ${size.shards} Redis shards at ${BUSY * 100} %; ${commands} Redis commands/s.`
    }),
  )
  return [...equations, ...loads]
}

function charts(steps: readonly Step[], model: ScaleModel): LineChart[] {
  const line = (kind: Kind, of: (step: Step) => number) =>
    steps.filter((step) => step.kind === kind).map((step): readonly [number, number] => [step.nodes, of(step)])
  const chart = (
    title: string,
    unit: string,
    shown: readonly Kind[],
    fit: Fit,
    by: (step: Step, value: number) => number,
    of: (step: Step) => number,
  ): LineChart => ({
    title,
    unit,
    xLabel: 'nodes',
    lines: shown.flatMap((kind) => [
      { label: kind, points: line(kind, (step) => by(step, of(step))) },
      {
        label: `${kind}, by the model`,
        points: line(kind, (step) => by(step, predicted(fit, step.amounts))),
        model: true,
      },
    ]),
  })
  const loaded = kinds.filter((kind) => kind !== 'idle')
  const whole = (_: Step, value: number): number => value
  return [
    chart(
      'CPU of the nodes',
      'µs a request',
      loaded,
      model.nodeCpuUs,
      (step, value) => value / step.amounts.request,
      (step) => step.nodeCpuUs,
    ),
    chart('CPU of Redis', 'µs a second', kinds, model.redisCpuUs, whole, (step) => step.redisCpuUs),
    chart('Commands of Redis', 'a second', kinds, model.redisCommands, whole, (step) => step.redisCommands),
  ]
}

import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { onlyStatus, sendAtRandomTimes } from '../harness/arrivals.ts'
import { cpuTimeUs } from '../harness/cpu.ts'
import { load } from '../harness/load.ts'
import type { BenchNode } from '../harness/node.ts'
import { policyOf, roomyLimit } from '../harness/policy.ts'
import type { BenchRedis } from '../harness/redis.ts'
import type { Scenario } from '../harness/scenario.ts'
import { fitModel } from './model.ts'
import { scaleCharts, scaleFigures, scaleNotes, stepText } from './scale-report.ts'
import { type Kind, kinds, type ScaleStep } from './step.ts'

const sizes = [1, 2, 4, 8] as const

/**
 * Measures a cluster with 1, 2, 4 and 8 nodes and one Redis. At each size the nodes get no load, then a fixed rate per
 * node without a limit, with an exact limit, and with a leased limit. If the machine has a CPU core for each node, the
 * maximum rate of requests with a leased limit is measured too. With a fixed rate per node, the work of a node should
 * not depend on the size.
 */
export const scale: Scenario<'seconds' | 'rate' | 'tokens' | 'rest'> = {
  name: 'scale',
  about: '1, 2, 4, 8 nodes with one Redis, a fitted cost model, and the cluster size for a load',
  options: {
    seconds: { about: 'length of one step', usual: 5, quick: 2 },
    rate: { about: 'requests a second at each node', usual: 600, quick: 200 },
    tokens: { about: 'subjects', usual: 20 },
    rest: {
      about: 'pause before each size, in which leases of the previous size expire, seconds',
      usual: 12,
      quick: 3,
    },
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
    const steps: ScaleStep[] = []
    for (const size of sizes) {
      nodes.push(...(await site.nodes(size - nodes.length, plan)))
      const offer = async (path: string): Promise<number> => {
        const options = { perSecond: rate, seconds, connections: 16, authorizations, path }
        const results = await Promise.all(nodes.map((node) => sendAtRandomTimes(node, options)))
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
      // Fills the token cache of every node.
      await work.plain()
      await sleep(rest * 1000)
      for (const kind of kinds) {
        // With more nodes than CPU cores, the result would show the scheduler of the operating system.
        if (kind === 'saturated' && size > availableParallelism()) continue
        const step = await measured(kind, nodes, redis, count, work[kind])
        steps.push(step)
        site.progress(`${size} × ${kind}: ${stepText(step)}`)
      }
    }
    const model = fitModel(steps)
    return {
      figures: scaleFigures(steps, model),
      broken: [],
      notes: scaleNotes(model),
      charts: scaleCharts(steps, model),
    }
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
): Promise<ScaleStep> {
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
      light: kind === 'saturated' ? 0 : requests / seconds,
      lease: leased ? nodes.length * subjects : 0,
      exact: kind === 'exact' ? requests / seconds : 0,
    },
    nodeCpuUs: nodeCpuUs / seconds,
    redisCpuUs: use.cpuUs / seconds,
    redisCommands: use.commands / seconds,
  }
}

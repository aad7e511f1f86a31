import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from '../harness/scenario.ts'
import type { Site } from '../harness/site.ts'
import type { FlowStep } from '../overload/flow.ts'
import { Outcomes } from './outcomes.ts'
import { type KeyGroup, redisKeyGroups } from './redis-key-groups.ts'
import { RequestFlows } from './request-flows.ts'
import { makeChanges } from './soak-changes.ts'
import { LIFE_S, type SoakCluster, startSoakCluster } from './soak-cluster.ts'
import { soakFinding } from './soak-report.ts'
import { SoakSamples } from './soak-samples.ts'
import { runStreamClients } from './stream-clients.ts'

type Name = 'minutes' | 'rate'

/** Time between two samples, s. */
const SAMPLE_S = 10
/**
 * Part of the time at the beginning that no slope includes, and its maximum, s. Code is compiled, and caches, sessions and
 * revocations reach their usual number. The mark of a login expires last, after 15 minutes.
 */
const [WARM_PART, WARM_MAX_S] = [0.4, 960]
/** Time to start and stop the cluster, s. */
const START_S = 120

/**
 * Loads a cluster with mixed traffic for a long time, while policies change, tokens are revoked and the issuer rotates its
 * keys. Fits a line to each figure, and fails when the 95 % confidence interval of its slope is above the budget.
 */
export const soak: Scenario<Name> = {
  name: 'soak',
  about: 'memory, descriptors, Redis keys and latency over a long time of mixed traffic and changes: slopes per hour',
  options: {
    minutes: { about: 'length of the load, minutes', usual: 45, quick: 2 },
    rate: { about: 'requests per second of all nodes, besides streams, uploads and gRPC calls', usual: 100 },
  },
  limitMs: ({ minutes }) => (minutes * 60 + START_S) * 1000,
  async run(site, { minutes, rate }) {
    const cluster = await startSoakCluster(site)
    const outcomes = new Outcomes()
    const samples = new SoakSamples(cluster.processes, cluster.redis)
    const seconds = minutes * 60
    const warmS = Math.min(WARM_MAX_S, seconds * WARM_PART)
    const groupsBefore = await load({ site, cluster, outcomes, samples }, { seconds, warmS, rate })
    const groupsAfter = await redisKeyGroups(cluster.redis)
    return soakFinding({ series: samples.series, outcomes, warmS, groupsBefore, groupsAfter })
  },
}

interface Running {
  readonly site: Site
  readonly cluster: SoakCluster
  readonly outcomes: Outcomes
  readonly samples: SoakSamples
}

interface SoakPlan {
  readonly seconds: number
  readonly warmS: number
  readonly rate: number
}

/** @returns the keys in Redis at the end of the warm-up */
async function load(
  { site, cluster, outcomes, samples }: Running,
  { seconds, warmS, rate }: SoakPlan,
): Promise<readonly KeyGroup[]> {
  const { nodes, issuer, redis } = cluster
  const flows = nodes.map((node) => new RequestFlows(node, issuer, outcomes))
  for (const each of flows) await each.prepare()
  const startMs = performance.now()
  const startsMs = Array.from({ length: Math.ceil(seconds / SAMPLE_S) }, (_, i) => startMs + i * SAMPLE_S * 1000)
  const isOver = (): boolean => performance.now() >= startMs + seconds * 1000
  const sending = Promise.all(flows.map((each) => each.send(rate / nodes.length, startsMs, isOver)))
  const others = Promise.all([
    ...flows.map((each) => each.renewAll(LIFE_S, isOver)),
    ...nodes.map((node) => runStreamClients(node, issuer, outcomes, isOver)),
    makeChanges({ ...cluster, outcomes }, isOver),
  ])
  let groups: readonly KeyGroup[] = []
  for (let n = 1; !isOver(); n++) {
    await sleep(Math.max(0, startMs + n * SAMPLE_S * 1000 - performance.now()))
    const atS = (performance.now() - startMs) / 1000
    await samples.take(atS)
    if (atS >= warmS && groups.length === 0) groups = await redisKeyGroups(redis)
    if (n % 30 === 0) site.progress(`${Math.round(atS / 60)} of ${seconds / 60} minutes, ${outcomes.failed} failures`)
  }
  for (const [i, { jwt }] of (await sending).entries()) addLatencies(samples, `node ${i + 1}`, jwt)
  await others
  return groups
}

function addLatencies(samples: SoakSamples, name: string, steps: readonly FlowStep[]): void {
  for (const [i, { p50Ms, p99Ms, due }] of steps.entries()) {
    if (due === 0) continue
    samples.add(name, 'p50_ms', i * SAMPLE_S, p50Ms)
    samples.add(name, 'p99_ms', i * SAMPLE_S, p99Ms)
  }
}

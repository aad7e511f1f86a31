import { availableParallelism } from 'node:os'
import { priorities } from '../../gateway/base/priority.ts'
import { cpuTimeUs, residentBytes } from '../harness/cpu.ts'
import { Memory } from '../harness/memory.ts'
import type { BenchNode } from '../harness/node.ts'
import { rounds, seconds, tokens } from '../harness/options.ts'
import { byPriority, policyOf, withLogin } from '../harness/policy.ts'
import type { Scenario, ScenarioFinding } from '../harness/scenario.ts'
import type { Site } from '../harness/site.ts'
import { single, spread } from '../harness/statistics.ts'
import { bindToCores, busyPercent, coreTime } from './cores.ts'
import type { FlowPlan, FlowResults, FlowStep } from './flow.ts'
import { BEFORE, CALM_S, type FloodName, floodPlan, floods, type LoadedNode, userPlan } from './plans.ts'
import { type FlowGenerator, startFlowGenerator } from './start-generator.ts'

type Name = 'rounds' | 'seconds' | 'connections' | 'tokens' | 'load' | 'delay'

/** Core of the gate, and core of all other processes. */
const [GATE_CORE, OTHER_CORE] = [0, 1]
/** Busy share of `OTHER_CORE` above which a run is void, %: the load generator or the services are then late. */
const BUSY_MAX_PERCENT = 80
/** Share of `GATE_CORE` that other programs use, above which a run is void, %. */
const FOREIGN_MAX_PERCENT = 5
const MIB = 1024 * 1024
/** Offered rate for the measurement of the capacity, requests per second: more than any node can process. */
const SATURATING_PER_SECOND = 50_000
/** With more connections than these, a saturated node only has a longer queue. */
const SATURATING_CONNECTIONS = 256

/** Measured values of one round. */
interface Round {
  readonly goodputPercent: number
  readonly criticalFailedPercent: number
  readonly beforeP99Ms: number
  readonly overloadP50Ms: number
  readonly overloadP99Ms: number
  readonly recoveryMs: number
  readonly memoryMib: number
  readonly otherCorePercent: number
  /** Share of the gate's core that other programs used. */
  readonly foreignPercent: number
  readonly usersFailedPercent: Readonly<Record<FloodName, number>>
}

/**
 * Measures an overloaded node: the gate alone on core 0; load generator, service, Redis and issuer on core 1. Users with
 * three priorities offer a multiple of the capacity, then strangers send floods. Latencies count from the time at which a
 * request was due, so that the wait of an overloaded client counts too.
 */
export const overload: Scenario<Name> = {
  name: 'overload',
  about: 'a node that gets more requests than it can process: latency, goodput and memory, and floods of strangers',
  options: {
    rounds: rounds(5, 1),
    seconds: seconds(60, 5),
    connections: { about: 'maximum number of connections of users', usual: 1536 },
    tokens: tokens(1000),
    load: { about: 'offered load in percent of the capacity', usual: 300 },
    delay: { about: 'setting overload.delay, ms', usual: 100 },
  },
  async run(site, chosen) {
    if (availableParallelism() < 2) throw new Error('the scenario needs 2 CPU cores')
    bindToCores(process.pid, String(OTHER_CORE))
    try {
      bindToCores(site.upstream.pid, String(OTHER_CORE))
      return await measure(site, chosen)
    } finally {
      const all = `0-${availableParallelism() - 1}`
      for (const pid of [process.pid, site.upstream.pid]) bindToCores(pid, all)
    }
  },
}

async function measure(
  site: Site,
  chosen: Readonly<Record<Name, number>>,
): Promise<Omit<ScenarioFinding, 'scenario' | 'conditions'>> {
  const redis = await site.redis()
  const generator = site.keep(startFlowGenerator())
  const authorizations = await site.tokens(chosen.tokens)
  const start = async (mode: 'shed' | 'off'): Promise<BenchNode> => {
    const node = await site.node({
      policy: policyOf(site.issuer.url, { orders: byPriority(site.upstream.port) }, withLogin),
      redis: redis.url,
      settings: { overload: { mode, delay: `${chosen.delay}ms` } },
    })
    bindToCores(node.pid, String(GATE_CORE))
    return node
  }
  const unprotected = await start('off')
  const capacities: number[] = []
  for (let round = 0; round <= chosen.rounds; round++) {
    const capacity = await capacityOf(generator, unprotected.port, authorizations)
    if (round > 0) capacities.push(capacity)
  }
  await unprotected.stop()
  const capacity = spread(capacities)
  site.progress(`capacity: ${Math.round(capacity.median)} requests a second`)
  const node = await start('shed')
  const loaded: LoadedNode = {
    port: node.port,
    authorizations,
    connections: chosen.connections,
    capacity: capacity.median,
  }
  await generator.carryOut(userPlan(loaded, [[CALM_S, BEFORE]]))
  const found: Round[] = []
  for (let round = 1; round <= chosen.rounds; round++) {
    const measured = await measureRound(generator, node, loaded, chosen)
    found.push(measured)
    const { goodputPercent, beforeP99Ms, overloadP99Ms } = measured
    const latency = `p99 ${beforeP99Ms.toFixed(1)} ms before, ${overloadP99Ms.toFixed(1)} ms overloaded`
    site.progress(
      `round ${round}/${chosen.rounds}: goodput ${Math.round(goodputPercent)} % of the capacity, ${latency}`,
    )
  }
  return report(found, { capacity_per_second: capacity, resident_mib: single(residentBytes(node.pid) / MIB) })
}

async function capacityOf(generator: FlowGenerator, port: number, authorizations: readonly string[]): Promise<number> {
  const node = { port, authorizations, connections: SATURATING_CONNECTIONS, capacity: SATURATING_PER_SECOND }
  const results = await generator.carryOut(userPlan(node, [[CALM_S, 1]]))
  return sum(results, 0, served) / CALM_S
}

async function measureRound(
  generator: FlowGenerator,
  node: BenchNode,
  loaded: LoadedNode,
  chosen: Readonly<Record<Name, number>>,
): Promise<Round> {
  let [otherCorePercent, foreignPercent] = [0, 0]
  const carryOut = async (plan: FlowPlan): Promise<FlowResults> => {
    const [gateCore, otherCore, usedUs, startMs] = [
      coreTime(GATE_CORE),
      coreTime(OTHER_CORE),
      cpuTimeUs(node.pid),
      performance.now(),
    ]
    const results = await generator.carryOut(plan)
    const ownPercent = (cpuTimeUs(node.pid) - usedUs) / (performance.now() - startMs) / 10
    otherCorePercent = Math.max(otherCorePercent, busyPercent(otherCore, coreTime(OTHER_CORE)))
    foreignPercent = Math.max(foreignPercent, busyPercent(gateCore, coreTime(GATE_CORE)) - ownPercent)
    return results
  }
  const memory = new Memory(node.pid)
  const steps = [
    [CALM_S, BEFORE],
    [chosen.seconds, chosen.load / 100],
    [CALM_S, BEFORE],
  ] as const
  const results = await carryOut(userPlan(loaded, steps))
  const memoryMib = memory.end()
  const critical = results['critical']!
  const usersFailedPercent: Partial<Record<FloodName, number>> = {}
  for (const flood of floods) usersFailedPercent[flood] = usersFailed(await carryOut(floodPlan(loaded, flood)))
  return {
    goodputPercent: (100 * sum(results, 1, served)) / chosen.seconds / loaded.capacity,
    criticalFailedPercent: failedPercent(critical[1]!),
    beforeP99Ms: critical[0]!.p99Ms,
    overloadP50Ms: critical[1]!.p50Ms,
    overloadP99Ms: critical[1]!.p99Ms,
    recoveryMs: Math.max(...priorities.map((priority) => results[priority]![2]!.lastRefusedMs)),
    memoryMib,
    otherCorePercent,
    foreignPercent,
    usersFailedPercent: usersFailedPercent as Record<FloodName, number>,
  }
}

function report(
  found: readonly Round[],
  figures: ScenarioFinding['figures'],
): Omit<ScenarioFinding, 'scenario' | 'conditions'> {
  const of = (value: (round: Round) => number) => spread(found.map(value))
  const otherCore = of(({ otherCorePercent }) => otherCorePercent)
  const foreign = of(({ foreignPercent }) => foreignPercent)
  const broken: string[] = []
  const void_ = (core: number, use: number, max: number, why: string): void => {
    if (use > max) broken.push(`void: ${why} core ${core} for ${Math.round(use)} % of the time, above ${max} %`)
  }
  void_(OTHER_CORE, otherCore.max, BUSY_MAX_PERCENT, 'load generator, service, Redis and other programs used')
  void_(GATE_CORE, foreign.max, FOREIGN_MAX_PERCENT, 'other programs than the gate used')
  const failed = (flood: FloodName) => of(({ usersFailedPercent }) => usersFailedPercent[flood])
  return {
    figures: {
      ...figures,
      latency_ratio: of(({ beforeP99Ms, overloadP99Ms }) => overloadP99Ms / beforeP99Ms),
      before_p99_ms: of(({ beforeP99Ms }) => beforeP99Ms),
      overload_p50_ms: of(({ overloadP50Ms }) => overloadP50Ms),
      overload_p99_ms: of(({ overloadP99Ms }) => overloadP99Ms),
      lost_goodput_percent: of(({ goodputPercent }) => Math.max(0, 100 - goodputPercent)),
      critical_failed_percent: of(({ criticalFailedPercent }) => criticalFailedPercent),
      recovery_ms: of(({ recoveryMs }) => recoveryMs),
      memory_rise_mib: of(({ memoryMib }) => memoryMib),
      forged_tokens_users_failed_percent: failed('forged_tokens'),
      connections_users_failed_percent: failed('connections'),
      logins_users_failed_percent: failed('logins'),
      other_core_busy_percent: otherCore,
      gate_core_foreign_percent: foreign,
    },
    broken,
  }
}

function served({ replies }: FlowStep): number {
  return Object.entries(replies).reduce((total, [kind, count]) => total + (Number(kind) < 400 ? count : 0), 0)
}

function sum(results: FlowResults, step: number, value: (step: FlowStep) => number): number {
  return priorities.reduce((total, priority) => total + value(results[priority]![step]!), 0)
}

/** Share of the requests of users that got no regular reply during a flood, %. */
function usersFailed(results: FlowResults): number {
  const due = sum(results, 0, (step) => step.due)
  return (100 * (due - sum(results, 0, served))) / due
}

function failedPercent(step: FlowStep): number {
  return (100 * (step.due - served(step))) / step.due
}

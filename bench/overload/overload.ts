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
/**
 * Duration of the load of each node before the first measurement, in which the JavaScript engine compiles the functions
 * that run often, s.
 */
const WARM_S = 15
/** Duration of the load before each measurement, in which the clients open their connections, s. */
const LEAD_S = 3
/** Busy share of `OTHER_CORE` above which a run is void, %: the load generator or the services are then late. */
const BUSY_MAX_PERCENT = 80
/** Lateness of the load generator above which a run is void, ms. */
const LATE_MAX_MS = 10
/** Share of `GATE_CORE` that other programs use, above which a run is void, %. */
const FOREIGN_MAX_PERCENT = 5
const MIB = 1024 * 1024
/** Offered rate for the measurement of the capacity, requests per second: more than any node can process. */
const SATURATING_PER_SECOND = 50_000

/** Whether the measured node sheds requests. */
type Protection = 'shed' | 'off'

/** Measured values of one round with one node. */
interface Round {
  readonly goodputPercent: number
  readonly criticalFailedPercent: number
  readonly criticalUnsentPercent: number
  readonly beforeP99Ms: number
  /** Share of all requests without a regular reply before the overload, %. */
  readonly beforeFailedPercent: number
  readonly overloadP50Ms: number
  readonly overloadP99Ms: number
  readonly recoveryMs: number
  readonly memoryMib: number
  readonly otherCorePercent: number
  /** Share of the gate's core that other programs used. */
  readonly foreignPercent: number
  readonly lateMs: number
  readonly floods: Readonly<Record<FloodName, FloodOutcome>>
}

/** Results for the requests of users during a flood of strangers. */
interface FloodOutcome {
  /** Share of the requests of users that were sent, and got no regular reply, %. */
  readonly failedPercent: number
  /** Share of the requests of users that were not sent, because each connection of the users waited for a reply, %. */
  readonly unsentPercent: number
  readonly p99Ms: number
}

/**
 * Measures an overloaded node: the gate alone on core 0; load generator, service, Redis and issuer on core 1. Users with
 * three priorities offer a multiple of the capacity, then strangers send floods. Latencies count from the time at which a
 * request was due, so that the wait of an overloaded client counts too. A node without protection is measured in the same
 * rounds.
 */
export const overload: Scenario<Name> = {
  name: 'overload',
  about: 'a node that gets more requests than it can process: latency, goodput and memory, and floods of strangers',
  options: {
    rounds: rounds(2, 1),
    seconds: seconds(60, 5),
    connections: { about: 'maximum number of connections of users', usual: 1536 },
    tokens: tokens(1000),
    load: { about: 'offered load in percent of the capacity', usual: 300 },
    delay: { about: 'setting overload.delay, ms', usual: 10 },
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
  const start = async (mode: Protection): Promise<BenchNode> => {
    const node = await site.node({
      policy: policyOf(site.issuer.url, { orders: byPriority(site.upstream.port) }, withLogin),
      redis: redis.url,
      settings: { overload: { mode, delay: `${chosen.delay}ms` } },
    })
    bindToCores(node.pid, String(GATE_CORE))
    return node
  }
  const nodes = { off: await start('off'), shed: await start('shed') }
  const loadedOf = ({ port }: BenchNode, capacity: number): LoadedNode => {
    return { port, authorizations, connections: chosen.connections, capacity }
  }
  const measureCapacity = () => capacityOf(generator, nodes.off, loadedOf(nodes.off, SATURATING_PER_SECOND))
  const warm = (node: BenchNode, capacity: number) =>
    generator.carryOut(userPlan(loadedOf(node, capacity), [[WARM_S, BEFORE]]))
  const cold = await measureCapacity()
  for (const node of [nodes.off, nodes.shed]) await warm(node, cold.perSecond)
  let capacity = await measureCapacity()
  const capacities: Capacity[] = [capacity]
  const found: Record<Protection, Round[]> = { off: [], shed: [] }
  for (let round = 1; round <= chosen.rounds; round++) {
    for (const mode of ['off', 'shed'] as const) {
      const { perSecond } = capacity
      const { servedPerSecond, ...rest } = await measureRound(
        generator,
        nodes[mode],
        loadedOf(nodes[mode], perSecond),
        chosen,
      )
      // On a virtual machine with other guests, the CPU speed changes. The capacity is therefore measured before and
      // after each turn.
      capacity = await measureCapacity()
      capacities.push(capacity)
      const measured = { ...rest, goodputPercent: (200 * servedPerSecond) / (perSecond + capacity.perSecond) }
      found[mode].push(measured)
      site.progress(
        `round ${round}/${chosen.rounds}, ${mode}, capacity ${Math.round(perSecond)}/s: ${describe(measured)}`,
      )
    }
  }
  return report(found, {
    capacity_per_second: spread(capacities.map(({ perSecond }) => perSecond)),
    capacity_cpu_us_per_request: spread(capacities.map(({ cpuUsPerRequest }) => cpuUsPerRequest)),
    resident_mib: single(residentBytes(nodes.shed.pid) / MIB),
  })
}

function describe({ goodputPercent, beforeP99Ms, overloadP99Ms, ...rest }: Round): string {
  const users = floods.map((flood) => `${flood} ${rest.floods[flood].failedPercent.toFixed(1)} %`).join(', ')
  return (
    `goodput ${Math.round(goodputPercent)} % of the capacity; critical requests: p99 ${beforeP99Ms.toFixed(1)} ms before, ` +
    `${overloadP99Ms.toFixed(1)} ms overloaded, ${rest.criticalFailedPercent.toFixed(1)} % failed; ` +
    `recovery ${Math.round(rest.recoveryMs)} ms; failed requests of users by flood: ${users}`
  )
}

/** Load that a node without protection can process. */
interface Capacity {
  readonly perSecond: number
  readonly cpuUsPerRequest: number
}

async function capacityOf(generator: FlowGenerator, { pid }: BenchNode, loaded: LoadedNode): Promise<Capacity> {
  const usedUs = cpuTimeUs(pid)
  const steps = [
    [LEAD_S, 1],
    [CALM_S, 1],
  ] as const
  const { results } = await generator.carryOut(userPlan(loaded, steps))
  const replies = sum(results, 0, served) + sum(results, 1, served)
  return {
    perSecond: sum(results, 1, ({ arrived }) => arrived) / CALM_S,
    cpuUsPerRequest: (cpuTimeUs(pid) - usedUs) / replies,
  }
}

async function measureRound(
  generator: FlowGenerator,
  node: BenchNode,
  loaded: LoadedNode,
  chosen: Readonly<Record<Name, number>>,
): Promise<Omit<Round, 'goodputPercent'> & { readonly servedPerSecond: number }> {
  let [otherCorePercent, foreignPercent, lateMs] = [0, 0, 0]
  const carryOut = async (plan: FlowPlan): Promise<FlowResults> => {
    const [gateCore, otherCore, usedUs, startMs] = [
      coreTime(GATE_CORE),
      coreTime(OTHER_CORE),
      cpuTimeUs(node.pid),
      performance.now(),
    ]
    const { results, lateP99Ms } = await generator.carryOut(plan)
    const ownPercent = (cpuTimeUs(node.pid) - usedUs) / (performance.now() - startMs) / 10
    otherCorePercent = Math.max(otherCorePercent, busyPercent(otherCore, coreTime(OTHER_CORE)))
    foreignPercent = Math.max(foreignPercent, busyPercent(gateCore, coreTime(GATE_CORE)) - ownPercent)
    lateMs = Math.max(lateMs, lateP99Ms)
    return results
  }
  const memory = new Memory(node.pid)
  const steps = [
    [LEAD_S, BEFORE],
    [CALM_S, BEFORE],
    [chosen.seconds, chosen.load / 100],
    [CALM_S, BEFORE],
  ] as const
  const results = await carryOut(userPlan(loaded, steps))
  const memoryMib = memory.end()
  const critical = results['critical']!
  const outcomes: Partial<Record<FloodName, FloodOutcome>> = {}
  for (const flood of floods) outcomes[flood] = floodOutcome(await carryOut(floodPlan(loaded, flood)))
  return {
    servedPerSecond: sum(results, 2, ({ arrived }) => arrived) / chosen.seconds,
    criticalFailedPercent: percentOf(critical[2]!.due, refused(critical[2]!)),
    criticalUnsentPercent: percentOf(critical[2]!.due, critical[2]!.unsent),
    beforeP99Ms: critical[1]!.p99Ms,
    beforeFailedPercent: percentOf(
      sum(results, 1, ({ due }) => due),
      sum(results, 1, ({ due }) => due) - sum(results, 1, served),
    ),
    overloadP50Ms: critical[2]!.p50Ms,
    overloadP99Ms: critical[2]!.p99Ms,
    recoveryMs: Math.max(...priorities.map((priority) => results[priority]![3]!.lastRefusedMs)),
    memoryMib,
    otherCorePercent,
    foreignPercent,
    lateMs,
    floods: outcomes as Record<FloodName, FloodOutcome>,
  }
}

function report(
  { off, shed }: Readonly<Record<Protection, readonly Round[]>>,
  figures: ScenarioFinding['figures'],
): Omit<ScenarioFinding, 'scenario' | 'conditions'> {
  const all = [...off, ...shed]
  const otherCore = spread(all.map(({ otherCorePercent }) => otherCorePercent))
  const foreign = spread(all.map(({ foreignPercent }) => foreignPercent))
  const late = spread(all.map(({ lateMs }) => lateMs))
  const broken: string[] = []
  const void_ = (core: number, use: number, max: number, why: string): void => {
    if (use > max) broken.push(`void: ${why} core ${core} for ${Math.round(use)} % of the time, above ${max} %`)
  }
  void_(OTHER_CORE, otherCore.max, BUSY_MAX_PERCENT, 'load generator, service, Redis and other programs used')
  void_(GATE_CORE, foreign.max, FOREIGN_MAX_PERCENT, 'other programs than the gate used')
  if (late.max > LATE_MAX_MS) {
    broken.push(`void: the load generator was late by ${late.max.toFixed(1)} ms, above ${LATE_MAX_MS} ms`)
  }
  return {
    figures: {
      ...figures,
      ...figuresOf(shed, ''),
      ...figuresOf(off, 'unprotected_'),
      other_core_busy_percent: otherCore,
      gate_core_foreign_percent: foreign,
      generator_late_p99_ms: late,
    },
    broken,
  }
}

/** Figures of the rounds with one node. @param prefix  begin of the names */
function figuresOf(rounds: readonly Round[], prefix: string): ScenarioFinding['figures'] {
  const values: Record<string, (round: Round) => number> = {
    latency_ratio: ({ beforeP99Ms, overloadP99Ms }) => overloadP99Ms / beforeP99Ms,
    before_p99_ms: ({ beforeP99Ms }) => beforeP99Ms,
    before_failed_percent: ({ beforeFailedPercent }) => beforeFailedPercent,
    overload_p50_ms: ({ overloadP50Ms }) => overloadP50Ms,
    overload_p99_ms: ({ overloadP99Ms }) => overloadP99Ms,
    lost_goodput_percent: ({ goodputPercent }) => Math.max(0, 100 - goodputPercent),
    critical_failed_percent: ({ criticalFailedPercent }) => criticalFailedPercent,
    critical_unsent_percent: ({ criticalUnsentPercent }) => criticalUnsentPercent,
    recovery_ms: ({ recoveryMs }) => recoveryMs,
    memory_rise_mib: ({ memoryMib }) => memoryMib,
  }
  for (const flood of floods) {
    values[`${flood}_users_failed_percent`] = (round) => round.floods[flood].failedPercent
    values[`${flood}_users_unsent_percent`] = (round) => round.floods[flood].unsentPercent
    values[`${flood}_users_p99_ms`] = (round) => round.floods[flood].p99Ms
  }
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}${name}`, spread(rounds.map(value))]),
  )
}

function served({ replies }: FlowStep): number {
  return Object.entries(replies).reduce((total, [kind, count]) => total + (Number(kind) < 400 ? count : 0), 0)
}

function sum(results: FlowResults, step: number, value: (step: FlowStep) => number): number {
  return priorities.reduce((total, priority) => total + value(results[priority]![step]!), 0)
}

/** Number of requests that were sent, and got no regular reply. */
function refused(step: FlowStep): number {
  return step.due - step.unsent - served(step)
}

/** Outcome for the users in the step of a flood. */
function floodOutcome(results: FlowResults): FloodOutcome {
  const due = sum(results, 0, (step) => step.due)
  return {
    failedPercent: percentOf(due, sum(results, 0, refused)),
    unsentPercent: percentOf(
      due,
      sum(results, 0, ({ unsent }) => unsent),
    ),
    p99Ms: Math.max(...priorities.map((priority) => results[priority]![0]!.p99Ms)),
  }
}

function percentOf(due: number, part: number): number {
  return due === 0 ? 0 : (100 * part) / due
}

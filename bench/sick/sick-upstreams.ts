import { getRequest } from '../harness/connection.ts'
import { rounds, tokens } from '../harness/options.ts'
import type { Scenario, ScenarioFinding } from '../harness/scenario.ts'
import type { Site } from '../harness/site.ts'
import { type Spread, spread } from '../harness/statistics.ts'
import type { FlowStep } from '../overload/flow.ts'
import { type FlowGenerator, startFlowGenerator } from '../overload/start-generator.ts'
import { type Contender, contenders, startContender } from './balancers.ts'
import { faults, type ServiceFault } from './service-fault.ts'
import { FLEET_SIZE, type ServiceFleet, startServiceFleet } from './service-fleet.ts'
import { failedRequests, type Observed, type SickResult, sickResult, sickTable } from './sick-result.ts'

type Name = 'rounds' | 'rate' | 'healthy' | 'seconds' | 'recovery' | 'tokens'
type Chosen = Readonly<Record<Name, number>>

/** Load before the first measured step, s: the contender opens its connections, and the gate compiles its hot path. */
const WARM_S = 4
/** Time before a fault that belongs to the fault, s: these requests can be in progress when it begins. */
const EDGE_S = 0.25
/** Number of the step in which the first service is sick, and of the step after its recovery. */
const [SICK_STEP, RECOVERY_STEP] = [3, 4]
/** Maximum number of client connections: more than the requests that wait for a time-out at the same time. */
const CONNECTIONS = 1024
/** Part of its share of the load that an overloaded service can process. */
const OVERLOADED_PART = 0.1
/** Lateness of the load generator above which a run is void, 99th percentile, ms: latencies include it. */
const LATE_MAX_MS = 10
/** Time to start and stop a contender, and to wait for outstanding replies, s. */
const START_S = 15

/**
 * Measures what clients notice of a sick service, of three that a load balancer distributes the requests to. Compares
 * the gate with nginx and HAProxy. Each measurement has a new process of the contender: healthy services, then a fault of
 * the first service, then its recovery. Requests are sent at random times, independent of earlier replies.
 */
export const sickUpstreams: Scenario<Name> = {
  name: 'sick-upstreams',
  about: 'one of three services hangs, resets, fails, is slow or overloaded: the gate, nginx and HAProxy',
  options: {
    rounds: rounds(2, 1),
    rate: { about: 'requests per second', usual: 500 },
    healthy: { about: 'time before a fault, s', usual: 8, quick: 3 },
    seconds: { about: 'length of a fault, s', usual: 20, quick: 5 },
    recovery: { about: 'time after a fault, s', usual: 20, quick: 5 },
    tokens: tokens(100),
  },
  limitMs: (chosen) => {
    const { rounds: count, healthy, seconds, recovery } = chosen
    return 1000 * count * faults.length * contenders.length * (START_S + WARM_S + healthy + seconds + recovery)
  },
  async run(site, chosen) {
    const generator = site.keep(startFlowGenerator())
    const fleet = site.keep(await startServiceFleet())
    const heads = (await site.tokens(chosen.tokens)).map((value) => getRequest('/orders/1', value))
    const results: SickResult[] = []
    for (let turn = 0; turn < chosen.rounds * faults.length; turn++) {
      const fault = faults[turn % faults.length]!
      for (const contender of turn % 2 === 0 ? contenders : contenders.toReversed()) {
        const observed = await observe({ site, generator, fleet, heads, chosen }, contender, fault)
        const result = sickResult(contender, fault, observed)
        results.push(result)
        const { failedCount, addedP99Ms } = result
        site.progress(`${fault}, ${contender}: ${failedCount} failed, p99 ${addedP99Ms.toFixed(1)} ms longer`)
      }
    }
    return report(results)
  },
}

interface Setting {
  readonly site: Site
  readonly generator: FlowGenerator
  readonly fleet: ServiceFleet
  readonly heads: readonly string[]
  readonly chosen: Chosen
}

async function observe(setting: Setting, contender: Contender, fault: ServiceFault): Promise<Observed> {
  const { site, generator, fleet, heads, chosen } = setting
  const { rate, healthy, seconds, recovery } = chosen
  const overloadedMs = (1000 * FLEET_SIZE) / rate / OVERLOADED_PART
  const balancer = await startContender[contender](site, fleet.ports)
  const steps = [WARM_S, healthy, EDGE_S, seconds, recovery]
  const flow = { name: 'users', heads, perSecond: steps.map(() => rate), connections: CONNECTIONS }
  const orders: Promise<unknown>[] = []
  let sickCalls: readonly number[] = []
  const { results, lateP99Ms } = await generator.carryOut({ port: balancer.port, steps, flows: [flow] }, (step) => {
    if (step === SICK_STEP) orders.push(fleet.order({ fault, overloadedMs }))
    if (step !== RECOVERY_STEP) return
    orders.push(fleet.order({ fault: 'none', overloadedMs }).then((calls) => (sickCalls = calls)))
  })
  await Promise.all(orders)
  const recoveredCalls = await fleet.order({ fault: 'none', overloadedMs })
  await balancer.stop()
  const [, before, edge, sick, after] = results['users'] as readonly [FlowStep, FlowStep, FlowStep, FlowStep, FlowStep]
  return { before, edge, sick, after, sickCalls, recoveredCalls, fairPerSecond: rate / FLEET_SIZE, lateP99Ms }
}

function report(results: readonly SickResult[]): Omit<ScenarioFinding, 'scenario' | 'conditions'> {
  const of = (contender: Contender, fault: ServiceFault, value: (result: SickResult) => number): Spread =>
    spread(results.filter((each) => each.contender === contender && each.fault === fault).map(value))
  const figures: Record<string, Spread> = {}
  for (const fault of faults) {
    for (const contender of contenders) {
      figures[`${contender}_${fault}_failed_requests`] = of(contender, fault, ({ failedCount }) => failedCount)
      figures[`${contender}_${fault}_added_p99_ms`] = of(contender, fault, ({ addedP99Ms }) => addedP99Ms)
    }
    figures[`${fault}_failed_behind_peers_requests`] = behindPeers(results, fault, ({ failedCount }) => failedCount)
    figures[`${fault}_added_p99_behind_peers_ms`] = behindPeers(results, fault, ({ addedP99Ms }) => addedP99Ms)
  }
  const broken = results
    .filter(({ observed }) => failedRequests(observed.before) > 0)
    .map(({ contender, fault, observed }) => {
      const replies = JSON.stringify(observed.before.replies)
      return `${contender}, before the fault ${fault}: requests failed while all services were healthy: ${replies}`
    })
  const late = spread(results.map(({ observed }) => observed.lateP99Ms))
  figures['generator_late_p99_ms'] = late
  if (late.max > LATE_MAX_MS) {
    broken.push(`void: the load generator was late by ${late.max.toFixed(1)} ms, above ${LATE_MAX_MS} ms`)
  }
  return { figures, broken, tables: [sickTable(results)] }
}

/**
 * Returns by how much a figure of the gate is worse than that of the better peer in each round; 0 if the gate is at
 * least as good.
 */
function behindPeers(
  results: readonly SickResult[],
  fault: ServiceFault,
  value: (result: SickResult) => number,
): Spread {
  const values = (contender: Contender): number[] =>
    results.filter((each) => each.contender === contender && each.fault === fault).map(value)
  const [gate, nginx, haproxy] = [values('gate'), values('nginx'), values('haproxy')]
  return spread(gate.map((own, round) => Math.max(0, own - Math.min(nginx[round]!, haproxy[round]!))))
}

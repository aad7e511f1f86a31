import { setTimeout as sleep } from 'node:timers/promises'
import type { Evidence } from './evidence.ts'
import { invariants, type RowFacts } from './invariants.ts'
import type { ChaosLoad } from './load.ts'
import type { MatrixRow } from './matrix.ts'
import { lostSessions, untilRecorded, untilWell } from './recovery.ts'
import { SeededRandom } from './seeded-random.ts'
import type { ChaosWorld } from './world.ts'
import { worldLimits } from './world-policy.ts'

/** Result of one row. */
export interface RowResult {
  readonly name: string
  /** Text that proves that the fault was in effect; `undefined` without a proof, or when the row was left out. */
  readonly proof: string | undefined
  readonly leftOut: string | undefined
  readonly faultS: number
  readonly wellS: number
  readonly requests: number
  readonly outcomes: ReadonlyMap<string, number>
  readonly receipts: Evidence['receipts']
  readonly messages: number
  /** Violations, by the name of the invariant, or `FAULT_IN_EFFECT`. */
  readonly violations: ReadonlyMap<string, readonly string[]>
}

/** Name under which a result lists why the fault could not be caused, proven or ended. */
export const FAULT_IN_EFFECT = 'fault in effect'

/** Pause between two rows, ms: the longest window of a limit, and a second for its leases. */
const AFTER_OUTAGE_MS = Math.max(...Object.values(worldLimits).map(({ windowMs }) => windowMs)) + 1000

interface RowPlan {
  readonly load: ChaosLoad
  readonly row: MatrixRow
  readonly seed: number
  /** Time of this row for the load before the fault and the fault together, s. */
  readonly seconds: number
}

/** Runs one row: load, fault, end of the fault, recovery, invariants. */
export async function runRow({ load, row, seed, seconds }: RowPlan): Promise<RowResult> {
  const { world } = load
  const random = new SeededRandom(seed, row.name)
  // After an outage of Redis in the row before, a limit may admit more for one window.
  await sleep(AFTER_OUTAGE_MS)
  const evidence = load.begin()
  world.killedMs.clear()
  const lossesBefore = await world.counters(LOSSES)
  const outagesBefore = await world.counters(WITHOUT_REDIS)
  await sleep(seconds * 1000 * random.between(0.1, 0.3))
  const { proof, faultS, problems } = await causeFault(world, row, random, seconds)
  const { ms, unwell } = await untilWell(load, row.wellS * 1000)
  evidence.lostSessions.push(...(await lostSessions(load, row.wellS * 1000)))
  const unrecorded = await untilRecorded(load, row.wellS * 1000)
  for (const { id } of unrecorded) world.ledger.unrecorded.delete(id)
  const countedLosses = increaseSince(lossesBefore, await world.counters(LOSSES))
  const withoutRedis = increaseSince(outagesBefore, await world.counters(WITHOUT_REDIS))
  const facts: RowFacts = {
    evidence,
    unwell,
    countedLosses,
    unrecorded,
    killedMs: new Map(world.killedMs),
    shifted: new Set(row.shifts),
    limitTimes: limitTimesOf(row, withoutRedis),
  }
  return {
    name: row.name,
    proof,
    leftOut: undefined,
    faultS,
    wellS: ms / 1000,
    requests: evidence.exchanges.length,
    outcomes: evidence.outcomes(),
    receipts: evidence.receipts,
    messages: evidence.messages,
    violations: violationsOf(facts, problems),
  }
}

interface FaultResult {
  readonly proof: string | undefined
  readonly faultS: number
  readonly problems: readonly string[]
}

/** Causes the fault of a row, keeps it for a part of `seconds`, and ends it. Errors are part of the result. */
async function causeFault(
  world: ChaosWorld,
  row: MatrixRow,
  random: SeededRandom,
  seconds: number,
): Promise<FaultResult> {
  const startedMs = performance.now()
  const problems: string[] = []
  const attempt = <T>(step: string, work: () => Promise<T> | undefined): Promise<T | undefined> =>
    Promise.resolve()
      .then(work)
      .catch((error: Error) => void problems.push(`${step}: ${error.message}`))
  const fault = await attempt('start', () => row.fault(world, random))
  const keepS = Math.max(row.leastS, seconds * random.between(0.4, 0.7))
  if (fault !== undefined) await sleep(keepS * 1000)
  const proof = await attempt('proof', () => fault?.proof())
  await attempt('end', () => fault?.end())
  return { proof, faultS: (performance.now() - startedMs) / 1000, problems }
}

const LOSSES = 'gatehouse_audit_lost_records_total'
const WITHOUT_REDIS = 'gatehouse_limit_outage_requests_total'

/**
 * Returns how many times each limit may be used. On a busy machine Redis can also reply too late in a row without a fault
 * of Redis. The nodes then count requests that they decided without Redis, and admit one more limit.
 */
function limitTimesOf({ limitTimes }: MatrixRow, withoutRedis: number): RowFacts['limitTimes'] {
  const { exact = 1, leased = 1 } = limitTimes
  return { exact, leased: withoutRedis > 0 ? Math.max(2, leased) : leased }
}

/** A killed node counts from 0 again. */
function increaseSince(before: readonly number[], after: readonly number[]): number {
  return after.reduce((sum, count, i) => sum + (count >= before[i]! ? count - before[i]! : count), 0)
}

function violationsOf(facts: RowFacts, problems: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const found = invariants.map(({ name, check }) => [name, check(facts)] as const)
  return new Map([[FAULT_IN_EFFECT, problems] as const, ...found].filter(([, violations]) => violations.length > 0))
}

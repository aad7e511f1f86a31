import { setTimeout as sleep } from 'node:timers/promises'
import type { Evidence } from './evidence.ts'
import { invariants, type RowFacts } from './invariants.ts'
import type { ChaosLoad } from './load.ts'
import type { MatrixRow } from './matrix.ts'
import { lostSessions, untilRecorded, untilWell } from './recovery.ts'
import { SeededRandom } from './seeded-random.ts'

/** Result of one row. */
export interface RowResult {
  readonly name: string
  /** Text that proves that the fault was in effect; `undefined` when the row was left out. */
  readonly proof: string | undefined
  readonly leftOut: string | undefined
  readonly faultS: number
  readonly wellS: number
  readonly requests: number
  readonly outcomes: ReadonlyMap<string, number>
  readonly receipts: Evidence['receipts']
  readonly messages: number
  /** Violations, by the name of the invariant. */
  readonly violations: ReadonlyMap<string, readonly string[]>
}

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
  const evidence = load.begin()
  world.killedMs.clear()
  const lossesBefore = await world.counters(LOSSES)
  await sleep(seconds * 1000 * random.between(0.1, 0.3))
  const startedMs = performance.now()
  const fault = await row.fault(world, random)
  let proof: string
  try {
    await sleep(Math.max(row.leastS, seconds * random.between(0.4, 0.7)) * 1000)
    proof = await fault.proof()
  } finally {
    await fault.end()
  }
  const faultS = (performance.now() - startedMs) / 1000
  const { ms, unwell } = await untilWell(load, row.wellS * 1000)
  evidence.lostSessions.push(...(await lostSessions(load, row.wellS * 1000)))
  const unrecorded = await untilRecorded(load, row.wellS * 1000)
  for (const { id } of unrecorded) world.ledger.unrecorded.delete(id)
  const countedLosses = lossesSince(lossesBefore, await world.counters(LOSSES))
  const facts: RowFacts = {
    evidence,
    unwell,
    countedLosses,
    unrecorded,
    killedMs: new Map(world.killedMs),
    shifted: new Set(row.shifts),
    limitTimes: { exact: 1, leased: 1, ...row.limitTimes },
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
    violations: violationsOf(facts),
  }
}

const LOSSES = 'gatehouse_audit_lost_records_total'

/** A killed node counts from 0 again. */
function lossesSince(before: readonly number[], after: readonly number[]): number {
  return after.reduce((sum, count, i) => sum + (count >= before[i]! ? count - before[i]! : count), 0)
}

function violationsOf(facts: RowFacts): ReadonlyMap<string, readonly string[]> {
  const found = invariants.map(({ name, check }) => [name, check(facts)] as const)
  return new Map(found.filter(([, violations]) => violations.length > 0))
}

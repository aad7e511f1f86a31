import { ChaosLoad } from './load.ts'
import type { MatrixRow } from './matrix.ts'
import { untilWell } from './recovery.ts'
import type { Topology } from './redis-sides.ts'
import { FAULT_IN_EFFECT, type RowResult, runRow } from './run-row.ts'
import { SeededRandom } from './seeded-random.ts'
import { ChaosWorld } from './world.ts'

/** Time until a new world serves everything, ms. */
const WARM_MS = 40_000

interface MatrixRun {
  readonly rows: readonly MatrixRow[]
  readonly seed: number
  /** Time of the whole run, s. Recovery of a row may take longer. */
  readonly seconds: number
  /** Factor for all time limits, for machines that are busy with other work. Default 1. */
  readonly patience?: number
  readonly progress: (line: string) => void
}

/**
 * Runs rows in the order of the seed, and the rows of one topology in one world. A violation is followed by a new
 * world, so that it does not fail the rows after it. @returns the results in this order
 */
export async function runMatrix({ rows, seed, seconds, patience = 1, progress }: MatrixRun): Promise<RowResult[]> {
  const random = new SeededRandom(seed, 'order')
  const groups = new Map<Topology, MatrixRow[]>()
  const shuffled = random.shuffled(rows)
  const results = shuffled.flatMap((row) => (row.leftOut === undefined ? [] : [unrun(row, { leftOut: row.leftOut })]))
  for (const row of shuffled) {
    if (row.leftOut === undefined) groups.set(row.topology, [...(groups.get(row.topology) ?? []), row])
  }
  const deadline = performance.now() + seconds * 1000
  let left = rows.length - results.length
  for (const [topology, group] of groups) {
    let place: Place | undefined
    try {
      for (const row of group) {
        place ??= await openPlace(topology, seed, patience)
        // Half of the time of a row is for its recovery.
        const share = Math.max(1, (deadline - performance.now()) / 1000 / left-- / 2)
        const plan = { row: { ...row, wellS: row.wellS * patience }, seed, seconds: share }
        const result = place.problem === undefined ? await runRow({ load: place.load, ...plan }) : unrun(row, place)
        results.push(result)
        progress(progressLine(result))
        if (result.violations.size === 0) continue
        await closePlace(place)
        place = undefined
      }
    } finally {
      if (place !== undefined) await closePlace(place)
    }
  }
  return results
}

/** A world and its load. */
interface Place {
  readonly load: ChaosLoad
  /** Why no row can run in this world; `undefined` when the world is well. */
  readonly problem: string | undefined
}

async function openPlace(topology: Topology, seed: number, patience: number): Promise<Place> {
  const load = new ChaosLoad(await ChaosWorld.start(topology), seed)
  try {
    await load.start()
    const { unwell } = await untilWell(load, WARM_MS * patience)
    return { load, problem: unwell.length === 0 ? undefined : `the new world is not well: ${unwell.join(', ')}` }
  } catch (error) {
    return { load, problem: `the load does not start: ${(error as Error).message}` }
  }
}

async function closePlace({ load }: Place): Promise<void> {
  await load.stop()
  await load.world.stop()
}

function progressLine({ name, violations, faultS, wellS, requests }: RowResult): string {
  const violated = [...violations].map(([invariant, [first]]) => `${invariant} (${first})`)
  const verdict = violated.length === 0 ? 'ok' : `VIOLATED ${violated.join(', ')}`
  return `${name}: ${verdict}; fault ${faultS.toFixed(1)} s, ${requests} requests, well after ${wellS.toFixed(1)} s`
}

function unrun(
  { name }: MatrixRow,
  { leftOut, problem }: { leftOut?: string; problem?: string | undefined },
): RowResult {
  return {
    name,
    leftOut,
    proof: undefined,
    faultS: 0,
    wellS: 0,
    requests: 0,
    outcomes: new Map(),
    receipts: { complete: 0, partial: 0, none: 0 },
    messages: 0,
    violations: new Map(problem === undefined ? [] : [[FAULT_IN_EFFECT, [problem]]]),
  }
}

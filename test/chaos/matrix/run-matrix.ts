import { ChaosLoad } from './load.ts'
import type { MatrixRow } from './matrix.ts'
import { untilWell } from './recovery.ts'
import type { Topology } from './redis-sides.ts'
import { type RowResult, runRow } from './run-row.ts'
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

/** Runs rows in the order of the seed, and all rows of one topology in one world. @returns the results in this order */
export async function runMatrix({ rows, seed, seconds, patience = 1, progress }: MatrixRun): Promise<RowResult[]> {
  const random = new SeededRandom(seed, 'order')
  const results: RowResult[] = []
  const groups = new Map<Topology, MatrixRow[]>()
  for (const row of random.shuffled(rows)) {
    if (row.leftOut === undefined) groups.set(row.topology, [...(groups.get(row.topology) ?? []), row])
    else results.push(unrun(row, row.leftOut))
  }
  const deadline = performance.now() + seconds * 1000
  let left = rows.length - results.length
  for (const [topology, group] of groups) {
    const world = await ChaosWorld.start(topology)
    const load = new ChaosLoad(world, seed)
    try {
      await load.start()
      const { unwell } = await untilWell(load, WARM_MS * patience)
      if (unwell.length > 0) throw new Error(`the new world ${topology} is not well: ${unwell.join(', ')}`)
      for (const row of group) {
        // Half of the time of a row is for its recovery.
        const share = Math.max(1, (deadline - performance.now()) / 1000 / left-- / 2)
        const result = await runRow({ load, row: { ...row, wellS: row.wellS * patience }, seed, seconds: share })
        results.push(result)
        progress(progressLine(result))
      }
    } finally {
      await load.stop()
      await world.stop()
    }
  }
  return results
}

function progressLine({ name, violations, faultS, wellS, requests }: RowResult): string {
  const verdict = violations.size === 0 ? 'ok' : `VIOLATED ${[...violations.keys()].join(', ')}`
  return `${name}: ${verdict}; fault ${faultS.toFixed(1)} s, ${requests} requests, well after ${wellS.toFixed(1)} s`
}

function unrun({ name }: MatrixRow, leftOut: string): RowResult {
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
    violations: new Map(),
  }
}

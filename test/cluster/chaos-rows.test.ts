import { expect, test } from 'vitest'
import { matrix } from '../chaos/matrix/matrix.ts'
import { resultTable } from '../chaos/matrix/result-table.ts'
import { runMatrix } from '../chaos/matrix/run-matrix.ts'

// Some rows of the chaos matrix, which `npm run test:chaos` runs in full. The time limits are long: this test runs beside
// other tests.

const SEED = 25
const PATIENCE = 6
const rows = ['standalone.redis.stop', 'standalone.node–redis.lost-reply', 'standalone.service.kill']

test('while Redis stops, replies of Redis are lost and a service is killed under load, every invariant of the chaos matrix holds', async () => {
  const chosen = matrix.filter(({ name }) => rows.includes(name))
  expect(chosen).toHaveLength(rows.length)
  const lines: string[] = []
  const progress = (line: string) => void lines.push(line)
  const results = await runMatrix({ rows: chosen, seed: SEED, seconds: 9, patience: PATIENCE, progress })
  const violated = results.filter(({ violations }) => violations.size > 0)
  expect(violated, resultTable(results, SEED)).toEqual([])
  expect(results.map(({ name }) => name).toSorted()).toEqual(rows.toSorted())
}, 300_000)

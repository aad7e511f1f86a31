// Runs the chaos matrix: faults of every part under load, with invariants after each (CONTRIBUTING.md, "Chaos").

import { parseArgs } from 'node:util'
import { stopAll } from '../kit/cleanup.ts'
import { buildPrograms } from '../kit/program-build.ts'
import { buildVariable } from '../kit/programs.ts'
import { matrix } from './matrix/matrix.ts'
import { resultTable } from './matrix/result-table.ts'
import { runMatrix } from './matrix/run-matrix.ts'

const usage = `Usage: npm run test:chaos -- [options]

  --seconds N   time of the run (1800); recovery may take longer
  --seed N      seed of order, timing and load; default: the time
  --row TEXT    only rows whose name contains TEXT; may be repeated. A whole name selects this row alone
  --list        print the names of the rows

Exit code 1 if an invariant is violated or a fault was not in effect, 2 for a usage error.
`

const { values } = parsed()
if (values.help === true) process.stdout.write(usage)
else if (values.list === true) process.stdout.write(matrix.map(({ name }) => `${name}\n`).join(''))
else process.exitCode = await run().finally(stopAll)
process.exit()

async function run(): Promise<number> {
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
  if (!(seconds >= 1) || !Number.isInteger(seed)) return misused('--seconds and --seed must be numbers')
  const wanted = values.row ?? []
  const names = new Set(matrix.map(({ name }) => name))
  const fits = (name: string, text: string) => (names.has(text) ? name === text : name.includes(text))
  const rows = matrix.filter(({ name }) => wanted.length === 0 || wanted.some((text) => fits(name, text)))
  if (rows.length === 0) return misused(`no row matches ${wanted.join(', ')}; see --list`)
  if (process.env['TEST_FROM_SOURCES'] !== '1') process.env[buildVariable] = (await buildPrograms()).folder
  process.stdout.write(`seed ${seed}, ${rows.length} rows, ${seconds} s\n`)
  const results = await runMatrix({ rows, seed, seconds, progress: (line) => process.stdout.write(`${line}\n`) })
  process.stdout.write(`\n${resultTable(results, seed)}\n`)
  return results.some(({ violations }) => violations.size > 0) ? 1 : 0
}

function parsed() {
  try {
    return parseArgs({
      options: {
        seconds: { type: 'string', default: '1800' },
        seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
        row: { type: 'string', multiple: true },
        list: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    process.exit(misused((error as Error).message))
  }
}

function misused(problem: string): number {
  process.stderr.write(`${problem}\n\n${usage}`)
  return 2
}

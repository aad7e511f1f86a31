import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CliError, exitCodes, jsonAsked, Output } from '../gateway/cli/output.ts'
import { budgets } from './budgets.ts'
import { checkoutOf } from './compare/checkout.ts'
import { compareWith } from './compare/compare.ts'
import type { Generator } from './harness/load.ts'
import { ownTree } from './harness/node.ts'
import { chosenOptions, type Option, runScenario, type Scenario, type ScenarioFinding } from './harness/scenario.ts'
import { Site } from './harness/site.ts'
import { needWrk } from './harness/wrk.ts'
import { limits } from './limits/limits.ts'
import { overload } from './overload/overload.ts'
import { peers } from './peers/peers.ts'
import { htmlReport } from './report/html.ts'
import { keepRecord } from './report/keep-record.ts'
import { circumstances } from './report/machine.ts'
import type { BenchRecord } from './report/record.ts'
import { findingTable, verdictText } from './report/table.ts'
import { passes, verdictsOf } from './report/verdict.ts'
import { scale } from './scale/scale.ts'
import { check } from './scenarios/check.ts'
import { grpc } from './scenarios/grpc.ts'
import { scenarios } from './scenarios/list.ts'
import { websocket } from './scenarios/websocket.ts'
import { sickUpstreams } from './sick/sick-upstreams.ts'
import { soak } from './soak/soak.ts'

/** Scenarios that are not part of the suite, because they take long or need additional programs. */
const others: readonly Scenario[] = [scale, limits, peers, websocket, grpc, check, overload, sickUpstreams, soak]
const all = [...scenarios, ...others]
/** Time limit of a scenario without an own one, ms. A scenario that exceeds its limit fails and ends the run. */
const LIMIT_MS = 10 * 60_000

const choosing = [...all.filter((scenario) => scenario.choosesGenerator).map(({ name }) => name), 'compare'].join(', ')

const usage = `Usage: gatehouse bench [SCENARIO | compare REV | report FILE …] [options]

  (none)            run the suite, about 9 minutes, or 2 with --quick; exit code 1 if a part fails, or a budget is missed
                    by more than its tolerance
  compare REV       compare this tree with a commit, in alternating rounds
  report FILE …     write the HTML page of a stored run again, next to the run

  --quick           fewer and shorter rounds: tests whether the scenarios work, not how fast they are
  --generator NAME  load generator: autocannon or wrk, which saturates its target (autocannon); for ${choosing}
  --output FORMAT   text or json (text)
  --results FOLDER  folder for the stored run (bench/results; a single scenario is stored only with this option)
${all.map(scenarioUsage).join('')}`

const output = new Output(jsonAsked(process.argv) ? 'json' : 'text')
const numeric = new Set(all.flatMap((scenario) => Object.keys(scenario.options)))
const { values, positionals } = parsed()
const [verb, ...words] = positionals
if (values['help'] === true) {
  process.stdout.write(usage)
  process.exit(0)
}
if (values['output'] !== 'text' && values['output'] !== 'json') misused('--output must be text or json')
process.exitCode = verb === 'report' ? report(words) : await bench().catch(broken)
process.exit()

async function bench(): Promise<number> {
  if (verb === 'compare') {
    if (words.length !== 1) misused('compare requires one commit')
    const tree = await checkoutOf(words[0]!, progress)
    try {
      return await run('compare', [compareWith(tree.folder, tree.commit)], true)
    } finally {
      tree.remove()
    }
  }
  if (verb === undefined) return run('suite', scenarios, true)
  const scenario = all.find(({ name }) => name === verb)
  if (scenario === undefined || words.length > 0) {
    misused(`no scenario "${positionals.join(' ')}": there are ${all.map(({ name }) => name).join(', ')}`)
  }
  return run(verb, [scenario], others.includes(scenario))
}

/**
 * Runs scenarios one after the other, prints their results, and stores them if `keep` is set. @returns the exit code
 */
async function run(kind: string, list: readonly Scenario[], keep: boolean): Promise<number> {
  const quick = values['quick'] === true
  const chosen = list.map((scenario) => chosenOptions(scenario, numbersFor(list), quick))
  const around = circumstances()
  const generator = generatorFor(list)
  if (generator === 'wrk') await needWrk(progress)
  const site = await Site.open((line) => progress(`  ${line}`), generator)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void site.close().finally(() => process.exit(130)))
  }
  const startedMs = performance.now()
  const findings: ScenarioFinding[] = []
  try {
    for (const [i, scenario] of list.entries()) {
      const seconds = Math.round((performance.now() - startedMs) / 1000)
      progress(`[${i + 1}/${list.length}, ${seconds} s] ${scenario.name}: ${scenario.about}`)
      const running = runScenario(site, scenario, chosen[i]!).catch((error: Error) => failed(scenario, error.message))
      const limitMs = scenario.limitMs?.(chosen[i]!) ?? LIMIT_MS
      const finding = await Promise.race([running, sleep(limitMs, undefined, { ref: false })])
      findings.push(finding ?? failed(scenario, `not finished after ${Math.round(limitMs / 60_000)} minutes`))
      if (values['output'] === 'text') {
        process.stdout.write(findingTable(findings.at(-1)!, verdictsOf(findings, budgets)))
      }
      // The scenario that exceeded its time limit still runs, and would disturb the next scenario.
      if (finding === undefined) break
    }
  } finally {
    await site.close()
  }
  const verdicts = verdictsOf(findings, budgets)
  const record: BenchRecord = { kind, at: new Date().toISOString(), quick, ...around, findings, verdicts }
  if (values['output'] === 'json')
    process.stdout.write(`${JSON.stringify(list.length === 1 ? flat(record) : record)}\n`)
  else if (verdicts.length > 0) process.stdout.write(`\n${verdictText(verdicts)}\n`)
  const results = values['results']
  if (keep || typeof results === 'string') {
    const kept = keepRecord(typeof results === 'string' ? results : join(ownTree, 'bench/results'), record)
    progress(`stored as ${kept.json} and ${kept.html}`)
  }
  return passes(findings, verdicts) ? 0 : 1
}

/**
 * Result of a scenario that failed. The run then fails too, but the next scenarios still run, unless the scenario
 * exceeded its time limit.
 */
function failed(scenario: Scenario, what: string): ScenarioFinding {
  return { scenario: scenario.name, conditions: {}, figures: {}, broken: [what] }
}

/** Returns the JSON of a run with one scenario, in which the figures are top-level members. */
function flat({ findings: [finding], verdicts, ...around }: BenchRecord): object {
  const { scenario, conditions, figures, broken, notes, tables } = finding!
  const { machine, commit, at } = around
  return {
    scenario,
    ...conditions,
    ...figures,
    broken,
    ...(notes === undefined ? {} : { notes }),
    ...(tables === undefined ? {} : { tables }),
    verdicts,
    machine,
    commit,
    at,
  }
}

function report(files: readonly string[]): number {
  if (files.length === 0) misused('report requires a file')
  for (const file of files) {
    const page = file.replace(/(\.json)?$/, '.html')
    let html: string
    try {
      html = htmlReport(JSON.parse(readFileSync(file, 'utf8')) as BenchRecord)
    } catch (error) {
      return broken(new Error(`${file} is not a stored run: ${(error as Error).message}`))
    }
    writeFileSync(page, html)
    progress(`written ${page}`)
  }
  return 0
}

function parsed(): { values: Record<string, string | boolean | undefined>; positionals: string[] } {
  const numbers = Object.fromEntries([...numeric].map((name) => [name, { type: 'string' as const }]))
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        ...numbers,
        quick: { type: 'boolean' },
        generator: { type: 'string', default: 'autocannon' },
        output: { type: 'string', short: 'o', default: 'text' },
        results: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    return misused((error as Error).message)
  }
}

/**
 * Reads the numeric options of the command line. Allowed for a single scenario only, because an option name can have
 * another meaning in another scenario.
 */
function numbersFor(list: readonly Scenario[]): Record<string, number> {
  const numbers: Record<string, number> = {}
  for (const name of numeric) {
    const text = values[name]
    if (text === undefined) continue
    if (list.length > 1 || list[0]!.options[name] === undefined) {
      misused(`--${name} is no option of ${list.length > 1 ? 'the suite' : list[0]!.name}`)
    }
    const value = Number(text)
    if (!Number.isInteger(value) || value < 1) misused(`--${name} must be a whole number of at least 1`)
    numbers[name] = value
  }
  return numbers
}

function generatorFor(list: readonly Scenario[]): Generator {
  const generator = values['generator']
  if (generator !== 'autocannon' && generator !== 'wrk') misused('--generator must be autocannon or wrk')
  if (generator === 'wrk' && (list.length > 1 || !list[0]!.choosesGenerator))
    misused(`--generator wrk is for ${choosing}`)
  return generator
}

function misused(what: string): never {
  const hint = 'gatehouse bench hot --help lists all scenarios and options'
  process.exit(output.error(new CliError(exitCodes.usage, 'GH_USAGE', what, hint)))
}

/** Prints the error that prevented the start of the run. @returns the exit code */
function broken(error: Error): number {
  return output.error(new CliError(exitCodes.invalid, 'GH_BENCH_FAILED', error.message))
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}

function scenarioUsage({ name, about, options }: Scenario): string {
  const lines = Object.entries<Option>(options).map(
    ([option, { about, usual, quick = usual }]) =>
      `  ${`--${option} N`.padEnd(18)}${about} (${usual}${quick === usual ? '' : `; quick ${quick}`})\n`,
  )
  return `\n${name}: ${about}\n${lines.join('')}`
}

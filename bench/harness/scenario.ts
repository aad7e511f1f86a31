import type { LineChart } from '../report/chart.ts'
import type { Table } from '../report/rows.ts'
import type { Site } from './site.ts'
import type { Spread } from './statistics.ts'

/** An option with a whole number. */
export interface Option {
  readonly about: string
  readonly usual: number
  /** Value with `--quick`; default: `usual`. */
  readonly quick?: number
}

/** Result of a scenario. */
export interface ScenarioFinding {
  readonly scenario: string
  /** Conditions of the measurement: options and the values that the machine reached. */
  readonly conditions: Readonly<Record<string, number | string>>
  /** Names end in their unit: `cpu_us_per_request`, `ratio` (no unit), `download_mib`. */
  readonly figures: Readonly<Record<string, Spread>>
  /** Failures, such as a changed body or an unexpected reply. Empty: none. */
  readonly broken: readonly string[]
  /** Conclusions from the figures, one sentence each. */
  readonly notes?: readonly string[]
  /** Charts in addition to the bars. */
  readonly charts?: readonly LineChart[]
  /** Tables for rows of figures. */
  readonly tables?: readonly Table[]
}

/** One measurement, in its own file. */
export interface Scenario<Name extends string = string> {
  readonly name: string
  /** Description in one line. */
  readonly about: string
  readonly options: Readonly<Record<Name, Option>>
  /** Whether it uses the load generator of `--generator`. */
  readonly choosesGenerator?: true
  /**
   * The site stops everything that the scenario started with it.
   *
   * @throws {Error} when a reply is unexpected, because the figure would then measure refusals
   */
  run(site: Site, chosen: Readonly<Record<Name, number>>): Promise<Omit<ScenarioFinding, 'scenario' | 'conditions'>>
}

/** Options of a scenario: usual or quick values, overridden by the command line. */
export function chosenOptions<Name extends string>(
  { options }: Scenario<Name>,
  given: Readonly<Record<string, number>>,
  quick: boolean,
): Record<Name, number> {
  const chosen = {} as Record<Name, number>
  for (const [name, option] of Object.entries<Option>(options)) {
    chosen[name as Name] = given[name] ?? (quick ? (option.quick ?? option.usual) : option.usual)
  }
  return chosen
}

export async function runScenario(
  site: Site,
  scenario: Scenario,
  chosen: Record<string, number>,
): Promise<ScenarioFinding> {
  try {
    const found = await scenario.run(site, chosen)
    const generator = scenario.choosesGenerator ? { generator: site.generator } : {}
    return { scenario: scenario.name, conditions: { ...chosen, ...generator }, ...found }
  } finally {
    await site.clear()
  }
}

import type { LineChart } from '../report/chart.ts'
import type { Table } from '../report/rows.ts'
import type { Site } from './site.ts'
import type { Spread } from './statistics.ts'

/** Command line option whose value is a whole number. */
export interface Option {
  readonly about: string
  readonly usual: number
  /** Value that is used with `--quick`; default: the value of `usual`. */
  readonly quick?: number
}

/** Result of a scenario. */
export interface ScenarioFinding {
  readonly scenario: string
  /**
   * Conditions of the measurement: the values of the options, and values that were measured, such as the load
   * generator's rate.
   */
  readonly conditions: Readonly<Record<string, number | string>>
  /**
   * Measured figures by name. A name ends in its unit: `cpu_us_per_request`, `download_mib`, or `ratio` for a figure
   * without a unit.
   */
  readonly figures: Readonly<Record<string, Spread>>
  /** Descriptions of failures, such as a changed body or an unexpected reply. Empty when the scenario succeeded. */
  readonly broken: readonly string[]
  /** Conclusions from the figures, as sentences. */
  readonly notes?: readonly string[]
  /** Line charts that the report shows in addition to the bar chart of the figures. */
  readonly charts?: readonly LineChart[]
  /** Tables that the report shows in addition to the figures. */
  readonly tables?: readonly Table[]
}

/** A benchmark that measures one aspect of the gate. Each scenario has its own file. */
export interface Scenario<Name extends string = string> {
  readonly name: string
  /** Description in one line. */
  readonly about: string
  readonly options: Readonly<Record<Name, Option>>
  /** Whether the scenario uses the load generator that `--generator` selects. */
  readonly choosesGenerator?: true
  /** Time limit, ms. Default: 10 minutes. */
  limitMs?(chosen: Readonly<Record<Name, number>>): number
  /**
   * Runs the scenario. Afterwards the site stops every process that the scenario started through it.
   *
   * @throws {Error} when a reply has an unexpected status, because the figure would then measure the cost of refusals
   */
  run(site: Site, chosen: Readonly<Record<Name, number>>): Promise<Omit<ScenarioFinding, 'scenario' | 'conditions'>>
}

/** Returns the value of each option: from the command line, else the usual value or the value for `--quick`. */
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

import type { LineChart } from '../report/chart.ts'
import type { Table } from '../report/rows.ts'
import type { Site } from './site.ts'
import type { Spread } from './statistics.ts'

/** A whole number that may be said on the command line. */
export interface Option {
  readonly about: string
  readonly usual: number
  /** With `--quick`; left out: as usual. */
  readonly quick?: number
}

/** What a scenario found. */
export interface ScenarioFinding {
  readonly scenario: string
  /** Under what it was measured: the options, and what the machine made of them. */
  readonly conditions: Readonly<Record<string, number | string>>
  /** Names end in their unit: `cpu_us_per_request`, `ratio` (no unit), `download_mib`. */
  readonly figures: Readonly<Record<string, Spread>>
  /** What was wrong, in words: a body that changed, a reply that should not be. Empty: all is well. */
  readonly broken: readonly string[]
  /** What follows from the figures, in words: a sentence each. */
  readonly notes?: readonly string[]
  /** Where bars are not enough. */
  readonly charts?: readonly LineChart[]
  /** Where there are more figures than names for them. */
  readonly tables?: readonly Table[]
}

/** One thing to measure, in a file of its own. */
export interface Scenario<Name extends string = string> {
  readonly name: string
  /** One line. */
  readonly about: string
  readonly options: Readonly<Record<Name, Option>>
  /** Whether it loads with what `--generator` says. */
  readonly choosesGenerator?: true
  /**
   * What it starts by the site ends after it.
   *
   * @throws {Error} when a reply is not the one expected: a figure of refusals would be no figure
   */
  run(site: Site, chosen: Readonly<Record<Name, number>>): Promise<Omit<ScenarioFinding, 'scenario' | 'conditions'>>
}

/** The options of a scenario, as usual or quick, with what was said on the command line. */
export function chosenOptions<Name extends string>(
  { options }: Scenario<Name>,
  said: Readonly<Record<string, number>>,
  quick: boolean,
): Record<Name, number> {
  const chosen = {} as Record<Name, number>
  for (const [name, option] of Object.entries<Option>(options)) {
    chosen[name as Name] = said[name] ?? (quick ? (option.quick ?? option.usual) : option.usual)
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

import type { ScenarioFinding } from '../harness/scenario.ts'
import { formatNumber, type Spread, single } from '../harness/statistics.ts'
import type { Table } from '../report/rows.ts'
import type { Outcomes } from './outcomes.ts'
import { type KeyGroup, keyGroupTable, unexpiringKeys } from './redis-key-groups.ts'
import { type Slope, slopeOf } from './slope.ts'
import { type SampleSeries, type SoakFigure, soakFigures } from './soak-samples.ts'

/** Results of a soak. */
export interface SoakResult {
  readonly series: readonly SampleSeries[]
  readonly outcomes: Outcomes
  /** Time at the beginning that no slope includes, s. */
  readonly warmS: number
  /** Keys in Redis after the warm-up, and at the end of the load. */
  readonly groupsBefore: readonly KeyGroup[]
  readonly groupsAfter: readonly KeyGroup[]
}

interface Trend extends SampleSeries {
  readonly slope: Slope
}

/** Name of the budget of a figure: the slope that the samples prove. */
export const provenFigure = (figure: SoakFigure): string => `${figure}_per_hour`

export function soakFinding(result: SoakResult): Omit<ScenarioFinding, 'scenario' | 'conditions'> {
  const { series, outcomes, warmS, groupsBefore, groupsAfter } = result
  const trends = series.flatMap((each): Trend[] => {
    const slope = slopeOf(each.points.filter(({ atS }) => atS >= warmS))
    return slope === undefined ? [] : [{ ...each, slope }]
  })
  const figures: Record<string, Spread> = {}
  for (const figure of Object.keys(soakFigures) as SoakFigure[]) {
    const own = trends.filter((trend) => trend.figure === figure)
    // The slope of the process that grows most. Its lower limit is 0 at least, so that a decrease is no result.
    const proven = own.map(({ slope }) => Math.max(0, slope.low))
    if (own.length > 0) figures[provenFigure(figure)] = single(Math.max(...proven))
  }
  const done = Object.values(outcomes.done).reduce((sum, count) => sum + count, 0)
  figures['completed_actions'] = single(done)
  figures['failed_actions'] = single(outcomes.failed)
  figures['unsent_requests'] = single(outcomes.unsent)
  const rise = unexpiringKeys(groupsAfter) - unexpiringKeys(groupsBefore)
  figures['added_unexpiring_keys'] = single(Math.max(0, rise))
  return { figures, broken: [], tables: [trendTable(trends), outcomeTable(outcomes), keyGroupTable(groupsAfter)] }
}

function trendTable(trends: readonly Trend[]): Table {
  return {
    title: 'Slopes after the warm-up, with their 95 % confidence intervals',
    columns: ['process', 'figure', 'first', 'last', 'an hour', 'at least', 'at most', 'allowed', 'verdict'],
    rows: trends.map(({ process, figure, slope }) => [
      process,
      `${figure} (${soakFigures[figure].about})`,
      formatNumber(slope.first),
      formatNumber(slope.last),
      formatNumber(slope.perHour),
      formatNumber(slope.low),
      formatNumber(slope.high),
      soakFigures[figure].most,
      slopeVerdict(slope, soakFigures[figure].most),
    ]),
  }
}

/** States whether the confidence interval of a slope is above, below or on both sides of the allowed slope. */
export function slopeVerdict({ low, high }: Pick<Slope, 'low' | 'high'>, most: number): string {
  if (low > most) return 'GROWS'
  return high <= most ? 'does not grow' : 'not shown'
}

function outcomeTable({ done, failures }: Outcomes): Table {
  const row = ([name, count]: [string, number]): [string, number] => [name, count]
  return {
    title: 'Actions of clients and operators, and failures by cause',
    columns: ['action', 'number'],
    rows: [
      ...Object.entries(done).map(row),
      ...Object.entries(failures).map(([name, n]) => row([`FAILED ${name}`, n])),
    ],
  }
}

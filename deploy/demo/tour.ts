import type { State } from './state.ts'
import { admissions } from './tour-admissions.ts'
import { endings } from './tour-endings.ts'
import { forgeries } from './tour-forgeries.ts'
import { refusals } from './tour-refusals.ts'
import type { Tourist } from './tourist.ts'

export interface Step {
  readonly title: string
  /** @throws {Error} naming what was expected and what came */
  run(tourist: Tourist, state: State): Promise<void>
}

/** What the demo promises, in the order of the tour: refusals first, then admissions, then what takes its time. */
export const tour: readonly Step[] = [...refusals, ...forgeries, ...admissions, ...endings]

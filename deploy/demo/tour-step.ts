import type { State } from './state.ts'
import type { Tourist } from './tourist.ts'

/** One promise of the demo, and how it is seen to be kept. */
export interface TourStep {
  readonly title: string
  /** @throws {Error} naming what was expected and what came */
  run(tourist: Tourist, state: State): Promise<void>
}

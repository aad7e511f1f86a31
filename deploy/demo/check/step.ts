import type { State } from '../state.ts'
import type { CheckClient } from './client.ts'

/** One promise of the demo and its test. */
export interface CheckStep {
  readonly title: string
  /** @throws {Error} naming the expected and the actual result */
  run(client: CheckClient, state: State): Promise<void>
}

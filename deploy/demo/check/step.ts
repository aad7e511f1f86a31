import type { State } from '../state.ts'
import type { CheckClient } from './client.ts'

/** One step of the demo check: a statement about the demo, and the test of this statement. */
export interface CheckStep {
  readonly title: string
  /** Tests the statement in `title`. @throws {Error} with the expected and the actual result */
  run(client: CheckClient, state: State): Promise<void>
}

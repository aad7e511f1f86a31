import type { State } from '../state.ts'
import type { CheckClient } from './client.ts'

/** One statement about the demo, with the test that proves it. */
export interface CheckStep {
  readonly title: string
  /** Tests the statement in `title`. @throws {Error} with the expected and the actual result */
  run(client: CheckClient, state: State): Promise<void>
}

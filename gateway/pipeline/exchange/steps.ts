import type { Denial } from '../../base/denial.ts'
import type { Answer } from './answer.ts'

/** `undefined` continues. A denial or an answer stops the run and becomes the response. */
export type Verdict = Denial | Answer | undefined

/** A phase as the driver runs it. Its preconditions (the types of `Phase`) were proven when the list was built. */
export interface Step {
  readonly name: string
  /** The dependencies that the step may wait for; `false` if it never waits. */
  readonly waits: string | false
  run(x: never): Verdict | Promise<Verdict>
}

/** A step that cannot refuse. */
export interface FinalStep {
  readonly name: string
  run(x: never): void
}

/** The steps of an exchange, in order. */
export interface Lifecycle {
  readonly request: readonly Step[]
  /** Phases that run over the upstream's response head, before it is sent to the client. */
  readonly reply: readonly FinalStep[]
  /** Ends every exchange exactly once, whatever the outcome. */
  readonly settle: FinalStep
}

import type { Denial } from '../base/denial.ts'
import type { Answer } from './answer.ts'

/** `undefined`: go on. A denial or an answer: stop and reply with it. */
export type Verdict = Denial | Answer | undefined

/** A phase as the driver runs it: what it needs (`Phase` has the types for that) was proven when the list was built. */
export interface Step {
  readonly name: string
  /** What the step may wait for; `false`: it never waits. */
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
  /** Over the head of the upstream's reply, before it goes to the client. */
  readonly reply: readonly FinalStep[]
  /** Ends every exchange, exactly once, whatever happened. */
  readonly settle: FinalStep
}

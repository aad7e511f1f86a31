import type { Denial } from '../../base/denial.ts'
import type { FaultReason } from '../../base/fault.ts'
import type { Reason } from '../../base/reasons.ts'
import type { Answer } from './answer.ts'

/**
 * Result of a phase. `undefined` continues the exchange. A denial or an answer stops the run and becomes the response.
 * `D` and `A` are the possible reasons of denials and answers.
 */
export type Verdict<D extends Reason = Reason, A extends Reason = Reason> = Denial<D> | Answer<A> | undefined

/**
 * A phase in the form that the driver runs. The compiler proved its preconditions (the types of `Phase`) when the list
 * was built.
 */
export interface Step {
  readonly name: string
  /** The dependencies that the step may wait for; `false` if it never waits. */
  readonly waits: string | false
  /** Reasons of the denials that the step may return. */
  readonly denies: readonly Reason[]
  /** Reasons of the gate's own replies that the step may return. */
  readonly answers: readonly Reason[]
  /** Reasons of the faults that the step may throw, besides `node-fault`, which every step may throw. */
  readonly throws: readonly FaultReason[]
  run(x: never): Verdict | Promise<Verdict>
}

/** A step that cannot refuse. It processes the response head or the end of an exchange. */
export interface FinalStep {
  readonly name: string
  run(x: never): void
}

/** The steps of an exchange (one request and its reply), in the order in which they run. */
export interface Lifecycle {
  readonly request: readonly Step[]
  /** Phases that process the upstream's response head, before the head is sent to the client. */
  readonly reply: readonly FinalStep[]
  /** Final phase, which runs exactly once at the end of every exchange, with any outcome. */
  readonly settle: FinalStep
}

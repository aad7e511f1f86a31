import type { Answered, Exchange, Forwarded, Unchecked } from './exchange.ts'
import type { Lifecycle, Step, Verdict } from './steps.ts'

/**
 * One step of an exchange, with one task and one verdict. Synchronous: a phase that may wait is a {@link WaitingPhase}.
 *
 * `In` is the proof required before the phase, `Out` the proof it adds. `LifecycleBuilder.next` accepts a phase only
 * when `In` is already proven, so a wrong order does not compile.
 *
 * `run` throws a `GatewayFault` on a failure, and returns a denial when the policy refuses.
 */
export interface Phase<In extends Exchange, Out extends In> {
  readonly name: string
  readonly waits: false
  readonly run: (x: In) => Verdict
  /** Carries `Out` for the compiler; never set at run time. */
  readonly proves?: (x: never) => Out
}

/**
 * A phase whose `run` may return a promise, which suspends the exchange. Afterwards the credential's validity is no
 * longer proven, because it may expire or be revoked during the wait.
 */
export interface WaitingPhase<In extends Exchange, Out extends In> {
  readonly name: string
  /** The dependencies that the phase may wait for. */
  readonly waits: string
  readonly run: (x: In) => Verdict | Promise<Verdict>
  /** Carries `Out` for the compiler; never set at run time. */
  readonly proves?: (x: never) => Out
}

/** A phase that cannot refuse. It runs over the response head or at the end of an exchange. */
export interface FinalPhase {
  readonly name: string
  readonly run: (x: Exchange) => void
}

/** Collects the phases of a lifecycle and lets the compiler check their order. */
export class LifecycleBuilder<Proven extends Exchange> {
  readonly #request: readonly Step[]
  /** Carries `Proven` for the compiler; never set at run time. */
  readonly proves?: () => Proven

  private constructor(request: readonly Step[]) {
    this.#request = request
  }

  static begin(): LifecycleBuilder<Exchange> {
    return new LifecycleBuilder<Exchange>([])
  }

  next<Out extends Proven>(phase: Phase<Proven, Out>): LifecycleBuilder<Out>
  next<Out extends Proven>(phase: WaitingPhase<Proven, Out>): LifecycleBuilder<Unchecked<Out>>
  next(phase: Step): LifecycleBuilder<never> {
    return new LifecycleBuilder<never>([...this.#request, phase])
  }

  /** Completes the list. The last phase must have forwarded the exchange or answered the check. */
  end(
    this: LifecycleBuilder<Forwarded> | LifecycleBuilder<Answered>,
    reply: readonly FinalPhase[],
    settle: FinalPhase,
  ): Lifecycle {
    return Object.freeze({ request: this.#request, reply, settle })
  }
}

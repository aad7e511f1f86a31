import type { Answered, Exchange, Forwarded, Unchecked } from './exchange.ts'
import type { FinalPhase, Phase, WaitingPhase } from './phase.ts'
import type { Lifecycle, Step } from './steps.ts'

/** Collects the phases of a lifecycle and lets the compiler check their order. */
export class LifecycleBuilder<Proven extends Exchange> {
  readonly #request: readonly Step[]
  /** Exists only for the compiler, to which it tells the type `Proven`; never set at run time. */
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

  /**
   * Completes the lifecycle, the list of phases. The compiler requires that the last phase forwards the exchange or
   * answers the forward-auth check.
   */
  end(
    this: LifecycleBuilder<Forwarded> | LifecycleBuilder<Answered>,
    reply: readonly FinalPhase[],
    settle: FinalPhase,
  ): Lifecycle {
    return Object.freeze({ request: this.#request, reply, settle })
  }
}

import type { Answered, Exchange, Forwarded, Unchecked } from './exchange.ts'
import type { Lifecycle, Step, Verdict } from './steps.ts'

/**
 * One step of an exchange, with one job and one verdict. Synchronous: a phase that may wait is a {@link WaitingPhase}.
 *
 * `In` is what must have been proven before, `Out` what is proven after: `LifecycleBuilder.next` accepts a phase only
 * where its `In` holds, so that a wrong order does not compile.
 *
 * `run` throws a `GatewayFault` when something broke, and returns a denial when the policy refuses.
 */
export interface Phase<In extends Exchange, Out extends In> {
  readonly name: string
  readonly waits: false
  readonly run: (x: In) => Verdict
  /** Carries `Out` for the compiler; never set. */
  readonly proves?: (x: never) => Out
}

/**
 * A phase whose `run` may return a promise, which suspends the exchange. The validity of the credential is no longer
 * proven after it: revocations and the clock go on during the wait.
 */
export interface WaitingPhase<In extends Exchange, Out extends In> {
  readonly name: string
  /** What it may wait for. */
  readonly waits: string
  readonly run: (x: In) => Verdict | Promise<Verdict>
  /** Carries `Out` for the compiler; never set. */
  readonly proves?: (x: never) => Out
}

/** A step that looks on and cannot refuse: over the reply's head, and at the end. */
export interface FinalPhase {
  readonly name: string
  readonly run: (x: Exchange) => void
}

/** Collects the phases of a lifecycle and lets the compiler check their order. */
export class LifecycleBuilder<Proven extends Exchange> {
  readonly #request: readonly Step[]
  /** Carries `Proven` for the compiler; never set. */
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

  /** Closes the list: its last phase has handed the exchange over to the upstream, or answered. */
  end(
    this: LifecycleBuilder<Forwarded> | LifecycleBuilder<Answered>,
    reply: readonly FinalPhase[],
    settle: FinalPhase,
  ): Lifecycle {
    return Object.freeze({ request: this.#request, reply, settle })
  }
}

import type { FaultReason } from '../../base/fault.ts'
import type { Reason } from '../../base/reasons.ts'
import type { Exchange } from './exchange.ts'
import type { Verdict } from './steps.ts'

/**
 * The ways in which a phase can end an exchange. The reference docs and the chart in gateway/README.md are generated
 * from them.
 */
interface Outcomes {
  readonly name: string
  readonly denies: readonly Reason[]
  readonly answers: readonly Reason[]
  readonly throws: readonly FaultReason[]
}

/**
 * One step of an exchange, with one task and one verdict. Synchronous: a phase that can wait is a {@link WaitingPhase}.
 *
 * `In` is the proof required before the phase, `Out` the proof that the phase adds. `LifecycleBuilder.next` accepts a
 * phase only when `In` is already proven, so a wrong order does not compile.
 *
 * `run` throws a `GatewayFault` on a failure, and returns a denial when the policy refuses the request.
 */
export interface Phase<In extends Exchange, Out extends In> extends Outcomes {
  readonly waits: false
  readonly run: (x: In) => Verdict
  /** Exists only for the compiler, to which it tells the type `Out`; never set at run time. */
  readonly proves?: (x: never) => Out
}

/**
 * A phase whose `run` may return a promise, which suspends the exchange. After the wait, the credential's validity is
 * no longer proven, because the credential may have expired or been revoked.
 */
export interface WaitingPhase<In extends Exchange, Out extends In> extends Outcomes {
  /** Names of the dependencies that the phase may wait for. */
  readonly waits: string
  readonly run: (x: In) => Verdict | Promise<Verdict>
  /** Exists only for the compiler, to which it tells the type `Out`; never set at run time. */
  readonly proves?: (x: never) => Out
}

/** A phase that cannot refuse. It processes the response head, or runs at the end of an exchange. */
export interface FinalPhase {
  readonly name: string
  readonly run: (x: Exchange) => void
}

/** Definition of a phase, as written in the phase's file. */
interface Definition<D extends Reason, A extends Reason> {
  readonly name: string
  /** Reasons of all denials that `run` returns. A list with a missing or an unused reason does not compile. */
  readonly denies: readonly D[]
  /** Reasons of all replies of the gate itself that `run` returns, checked like `denies`. Default: none. */
  readonly answers?: readonly A[]
  /**
   * Reasons of the faults that `run` may throw, besides `node-fault`. Default: none. The compiler cannot check this
   * list; the tests check it (`test/kit/checked-phases.ts`).
   */
  readonly throws?: readonly FaultReason[]
}

/**
 * Creates a phase that needs the proof `In` and adds the proof `Out`. The definition is passed in a second call,
 * because the compiler infers either all type parameters of a call or none.
 */
export function phase<In extends Exchange, Out extends In>() {
  return <const D extends Reason, V extends Verdict, const A extends Reason = never>(
    definition: Definition<D, A> & { readonly waits: false; readonly run: (x: In) => V },
  ) => {
    const { waits, run } = definition
    return { ...outcomes(definition), waits, run } as unknown as Checked<Phase<In, Out>, V, D, A>
  }
}

/** Creates a phase of the lifecycle that may wait. See {@link phase}. */
export function waitingPhase<In extends Exchange, Out extends In>() {
  return <const D extends Reason, V extends Verdict, const A extends Reason = never>(
    definition: Definition<D, A> & { readonly waits: string; readonly run: (x: In) => V | Promise<V> },
  ) => {
    const { waits, run } = definition
    return { ...outcomes(definition), waits, run } as unknown as Checked<WaitingPhase<In, Out>, V, D, A>
  }
}

function outcomes({ name, denies, answers = [], throws = [] }: Definition<Reason, Reason>): Outcomes {
  return { name, denies: [...new Set(denies)], answers: [...new Set(answers)], throws }
}

type Denied<V> = V extends { readonly answer: true } ? never : V extends { readonly reason: infer R } ? R : never
type Answered<V> = V extends { readonly answer: true; readonly reason: infer R } ? R : never

/**
 * `P`, if the lists `D` and `A` name exactly the reasons of the verdict `V`. Otherwise a type that is no phase and
 * shows the missing and the unused reasons.
 */
type Checked<P, V, D, A> = [Difference<Denied<V>, D> | Difference<Answered<V>, A>] extends [never]
  ? P
  : {
      readonly missingInDenies: Exclude<Denied<V>, D>
      readonly unusedInDenies: Exclude<D, Denied<V>>
      readonly missingInAnswers: Exclude<Answered<V>, A>
      readonly unusedInAnswers: Exclude<A, Answered<V>>
    }
type Difference<X, Y> = Exclude<X, Y> | Exclude<Y, X>

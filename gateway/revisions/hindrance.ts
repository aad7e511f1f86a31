import { performance } from 'node:perf_hooks'
import type { ReadTime } from '../cluster/freshness.ts'
import { ConfigError, formatProblem } from '../config/problem.ts'
import { type Activation, compareActivations } from './revision.ts'

/** Time between attempts to apply a policy activation that is invalid on this process, ms. */
const RETRY_MS = 5000

/** A policy activation that this process could not apply. */
export interface FailedActivation {
  readonly activation: Activation
  readonly problem: string
}

/** Records that a process may enforce an older revision than the active one in Redis, and why. */
export class Hindrance {
  /**
   * True while this process cannot read the activation in Redis, because it lacks the key of the MAC or a newer version
   * wrote the activation. Other processes may be able to read the activation.
   */
  isUnreadable = false
  #failed: FailedActivation | undefined
  #retryAt = Number.NEGATIVE_INFINITY
  #since: ReadTime | undefined

  /** Newest activation that this process knows, if it could not apply that activation; else `undefined`. */
  get failed(): FailedActivation | undefined {
    return this.#failed
  }

  /**
   * Last read of the event log before this process first failed to read or apply the newest activation; `undefined`
   * when it enforces the newest activation.
   */
  get since(): ReadTime | undefined {
    return this.#since
  }

  get exists(): boolean {
    return this.#failed !== undefined || this.isUnreadable
  }

  /**
   * Whether this process found the activation invalid less than 5 s ago, so that it does not try the activation again
   * yet.
   */
  isTooSoonFor(activation: Activation): boolean {
    return this.#isAbout(activation) && performance.now() < this.#retryAt
  }

  /** Allows the next attempt to apply the policy activation immediately. */
  retry(): void {
    this.#retryAt = Number.NEGATIVE_INFINITY
  }

  /**
   * Records that this process could not apply a policy activation.
   *
   * @returns whether the activation or the error differs from the last failure
   */
  fail(activation: Activation, error: unknown): boolean {
    const problem = error instanceof ConfigError ? error.problems.map(formatProblem).join('\n') : String(error)
    const isNew = !this.#isAbout(activation) || this.#failed?.problem !== problem
    this.#failed = { activation, problem }
    // Delay the next attempt to apply a policy only for an invalid policy. Another fault, such as a Redis that does not
    // reply, may have ended at the next attempt.
    if (error instanceof ConfigError) this.#retryAt = performance.now() + RETRY_MS
    return isNew
  }

  /** Records that this process enforces the newest policy activation that it knows. */
  clear(): void {
    this.#failed = undefined
  }

  /**
   * Updates `since` after an attempt to apply a policy activation.
   *
   * @param lastRead  last read of the event log before the attempt
   */
  settle(lastRead: ReadTime): void {
    this.#since = this.exists ? (this.#since ?? lastRead) : undefined
  }

  #isAbout(activation: Activation): boolean {
    return this.#failed !== undefined && compareActivations(this.#failed.activation, activation) === 0
  }
}

import { performance } from 'node:perf_hooks'
import type { ReadTime } from '../cluster/freshness.ts'
import { ConfigError, formatProblem } from '../config/problem.ts'
import { type Activation, compareActivations } from './revision.ts'

/** Time between attempts to apply an activation that is invalid on this process, ms. */
const RETRY_MS = 5000

/** An activation that this process could not apply. */
export interface FailedActivation {
  readonly activation: Activation
  readonly problem: string
}

/** Why a process may enforce an older revision than Redis stores. */
export class Hindrance {
  /**
   * True while this process cannot read the activation in Redis, which can be valid for others: it lacks the key of the
   * MAC, or a newer version wrote it.
   */
  isUnreadable = false
  #failed: FailedActivation | undefined
  #retryAt = Number.NEGATIVE_INFINITY
  #since: ReadTime | undefined

  /** Newer activation that this process could not apply; `undefined` when it enforces the newest that it knows. */
  get failed(): FailedActivation | undefined {
    return this.#failed
  }

  /** Last read of the event log before the activation that this process does not enforce; `undefined` without one. */
  get since(): ReadTime | undefined {
    return this.#since
  }

  get exists(): boolean {
    return this.#failed !== undefined || this.isUnreadable
  }

  /** Whether an activation was found invalid so recently that it is not tried again yet. */
  isTooSoonFor(activation: Activation): boolean {
    return this.#isAbout(activation) && performance.now() < this.#retryAt
  }

  /** Lets the next attempt take place at once. */
  retry(): void {
    this.#retryAt = Number.NEGATIVE_INFINITY
  }

  /**
   * Records that this process could not apply an activation.
   *
   * @returns whether the failure is a new one
   */
  fail(activation: Activation, error: unknown): boolean {
    const problem = error instanceof ConfigError ? error.problems.map(formatProblem).join('\n') : String(error)
    const isNew = !this.#isAbout(activation) || this.#failed?.problem !== problem
    this.#failed = { activation, problem }
    // Another fault, such as a Redis that does not reply, may be over at the next look.
    if (error instanceof ConfigError) this.#retryAt = performance.now() + RETRY_MS
    return isNew
  }

  /** Records that this process enforces the newest activation that it knows. */
  clear(): void {
    this.#failed = undefined
  }

  /** @param lastRead  last read of the event log before this process looked at the activation */
  settle(lastRead: ReadTime): void {
    this.#since = this.exists ? (this.#since ?? lastRead) : undefined
  }

  #isAbout(activation: Activation): boolean {
    return this.#failed !== undefined && compareActivations(this.#failed.activation, activation) === 0
  }
}

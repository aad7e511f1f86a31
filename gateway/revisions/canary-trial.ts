import { ConfigError, formatProblem } from '../config/problem.ts'
import type { PolicyFileEvents } from '../policy/policy-file.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { Envelopes } from './envelope.ts'
import type { Activation, Canary, PolicyText } from './revision.ts'
import { openRevision } from './sealed-policy.ts'

interface CanaryTrialDependencies {
  readonly envelopes: Envelopes
  /** Compiles the policy of a canary. @throws {ConfigError} when this process cannot enforce the policy */
  readonly compile: (files: readonly PolicyText[]) => Snapshot
  readonly log: (level: 'info' | 'error', message: string, fields: Record<string, unknown>) => void
}

/**
 * Enforces the revision of a canary on a member that was chosen to try it. If the member cannot enforce this revision,
 * it enforces the active revision, and publishes the problem.
 */
export class CanaryTrial {
  readonly #dependencies: CanaryTrialDependencies
  /** Key of this member; `undefined` in a process that is never chosen. */
  member: string | undefined
  #tried: { readonly canary: Canary; readonly snapshot: Snapshot } | undefined
  #problem: string | undefined

  constructor(dependencies: CanaryTrialDependencies) {
    this.#dependencies = dependencies
  }

  /** The revision that this process tries as a canary; `undefined` when it tries none. */
  get canary(): Canary | undefined {
    return this.#tried?.canary
  }

  /** The compiled policy that this process tries as a canary; `undefined` when it tries none. */
  get snapshot(): Snapshot | undefined {
    return this.#tried?.snapshot
  }

  /**
   * Problem because of which this process does not enforce the canary that it was chosen to try; `undefined` for none.
   */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Returns the canary of an activation, if this process was chosen for it. */
  chosenFor({ canary }: Activation): Canary | undefined {
    return this.member !== undefined && canary?.members.includes(this.member) ? canary : undefined
  }

  /** Ends the trial of the canary in this process. The caller then enforces the active revision. */
  end(): void {
    this.#tried = undefined
    this.#problem = undefined
  }

  /**
   * Starts to enforce the revision of a canary. Streams that the active revision admitted continue.
   *
   * @param text  envelope of the revision; `''` when Redis lacks the revision
   * @param events  receives the change of policy; `undefined` before the process serves requests
   */
  begin(canary: Canary, text: string, events: PolicyFileEvents | undefined): void {
    const { log } = this.#dependencies
    const { number } = canary
    this.#problem = this.#problemWith(canary, text, events)
    if (this.#problem === undefined) log('info', 'this node tries a policy revision as a canary', { number })
    else {
      const problem = this.#problem
      log('error', 'this node cannot try a policy revision as a canary; the active revision stays in force', {
        number,
        problem,
      })
    }
  }

  #problemWith(canary: Canary, text: string, events: PolicyFileEvents | undefined): string | undefined {
    const { envelopes, compile } = this.#dependencies
    const revision = openRevision(envelopes, text, canary)
    if (revision === undefined) return `revision ${canary.number} in Redis is missing or not authentic`
    try {
      const snapshot = compile(revision.files)
      const commit = events?.prepare(snapshot, true)
      commit?.()
      this.#tried = { canary, snapshot }
      return undefined
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return error.problems.map(formatProblem).join('\n')
    }
  }
}

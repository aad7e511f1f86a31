import type { Commit } from './base/commit.ts'
import { ConfigError } from './config/problem.ts'
import { type PolicyFollowers, preparePolicy } from './follow-policy.ts'
import type { Gate } from './pipeline/gate.ts'
import type { PolicyFileEvents } from './policy/policy-file.ts'
import { relaxationsOf } from './policy/relaxations.ts'
import type { Snapshot } from './policy/snapshot.ts'
import type { NodeLog } from './telemetry/node-log.ts'

/** Switches a running node to a changed policy, and logs the outcome of each change. */
export class PolicySwitch implements PolicyFileEvents {
  readonly #gate: Pick<Gate, 'runtime' | 'baseRuntime'>
  readonly #followers: PolicyFollowers
  readonly #log: NodeLog['log']
  /** Time at which the policy in force was loaded, ms since the epoch, and number of rejected policy changes. */
  readonly history = { loadedAtMs: Date.now(), rejected: 0 }

  constructor(gate: Pick<Gate, 'runtime' | 'baseRuntime'>, followers: PolicyFollowers, log: NodeLog['log']) {
    this.#gate = gate
    this.#followers = followers
    this.#log = log
  }

  prepare(snapshot: Snapshot, isCanary = false): Commit {
    const { runtime, commit } = preparePolicy(snapshot, this.#followers)
    const fields = { ...countsOf(snapshot), relaxations: relaxationsOf(snapshot) }
    return () => {
      commit()
      this.#gate.baseRuntime = isCanary ? this.#gate.runtime : undefined
      this.#gate.runtime = runtime
      this.history.loadedAtMs = Date.now()
      this.#log('info', 'policy changed', fields)
    }
  }

  rejected(error: unknown): void {
    this.history.rejected++
    this.#log('error', 'policy rejected; the policy in force stays active', {
      revision: this.#gate.runtime.snapshot.revision,
      problems: error instanceof ConfigError ? error.problems : [{ message: String(error) }],
    })
  }

  restored(): void {
    this.#log('info', 'the policy files are valid again: they contain the active policy', {
      revision: this.#gate.runtime.snapshot.revision,
    })
  }
}

/** Log fields that describe a policy. */
export function countsOf({ revision, services, routes }: Snapshot) {
  return { revision, services: services.length, routes: routes.length }
}

import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import type { RouteOutcomes, Traffic } from '../telemetry/traffic.ts'
import type { ActivePolicy } from './active-policy.ts'
import type { Envelopes } from './envelope.ts'
import { countsSince, sealReport } from './rollout-counts.ts'
import type { RolloutStore } from './rollout-store.ts'
import type { Rollouts } from './rollouts.ts'

/** Time between two reports of request counts, and between two evaluations of a rollout, ms. */
const LOOK_MS = 1000
/**
 * Number of evaluations of a rollout that a member leaves to the holder of the lease before it makes one itself. A
 * process that can write to Redis could keep the lease forever, so that a revision that refuses too much would never be
 * withdrawn.
 */
const LEFT_TO_HOLDER = 9
/**
 * Additional time between two reports for each route with traffic, ms. Limits the bytes per second for a policy with
 * many routes.
 */
const REPORT_MS_PER_ROUTE = 1

export interface RolloutWatchDependencies {
  readonly policy: ActivePolicy
  readonly rollouts: Rollouts
  readonly store: RolloutStore
  readonly envelopes: Envelopes
  readonly traffic: Pick<Traffic, 'outcomes'>
  readonly node: { readonly id: string }
  /** Key of this node in the list of members. */
  readonly member: string
  readonly isConnected: () => boolean
}

/**
 * Takes part in rollouts. Publishes the request counts of this node. If this node holds the lease, it evaluates the
 * rollout, and ends the rollout when there is a result.
 */
export class RolloutWatch {
  readonly #dependencies: RolloutWatchDependencies
  readonly #end: () => void
  /**
   * The request counters at the time when this node began to take part, with the activation and the revision of that
   * time.
   */
  #begun: { readonly as: string; readonly outcomes: ReadonlyMap<string, RouteOutcomes> } | undefined
  #reportAt = 0
  /** Number of evaluations that this member has left to the holder of the lease since its own last evaluation. */
  #left = 0

  constructor(dependencies: RolloutWatchDependencies) {
    this.#dependencies = dependencies
    this.#end = new Supervisor('policy-rollout').repeat(LOOK_MS, () => this.#look())
  }

  close(): void {
    this.#end()
  }

  async #look(): Promise<void> {
    const { policy, rollouts, store, member, node, isConnected } = this.#dependencies
    if (policy.held.activation.canary === undefined) {
      this.#begun = undefined
      return
    }
    if (!isConnected()) return
    await this.#report()
    const isHolder = await store.hold(member).catch(() => false)
    if (!isHolder && this.#left++ < LEFT_TO_HOLDER) return
    this.#left = 0
    const running = await rollouts.running()
    if (running === undefined || running.verdict.outcome === 'running') return
    const { outcome, why } = running.verdict
    // Pass the number of the evaluated revision to the end of the rollout: meanwhile, an operator can have ended this
    // rollout and begun another one.
    await rollouts.end({ outcome, why, by: `node ${node.id}` }, 0, running.canary.number)
  }

  async #report(): Promise<void> {
    const { policy, store, envelopes, traffic, member } = this.#dependencies
    const { number, sequence } = policy.published
    const as = `${sequence} ${number}`
    if (this.#begun?.as !== as) {
      // Start the request counts now: requests before this time do not count for the rollout.
      this.#begun = { as, outcomes: traffic.outcomes() }
      this.#reportAt = 0
    }
    if (performance.now() < this.#reportAt) return
    const routes = countsSince(this.#begun.outcomes, traffic.outcomes())
    const problem = policy.canaryProblem
    await store.report(sequence, member, sealReport(envelopes, { sequence, member, number, problem, routes }))
    this.#reportAt = performance.now() + routes.length * REPORT_MS_PER_ROUTE
  }
}

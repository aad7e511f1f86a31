import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import type { RolloutOutcome } from './rollout-outcome.ts'

/** Counts the rollouts of policy revisions that this node has ended. */
export class RolloutMetrics implements MetricSource {
  readonly #isRunning: () => boolean
  readonly #ended: Record<RolloutOutcome['outcome'], number> = { promoted: 0, withdrawn: 0, undecided: 0, aborted: 0 }

  constructor(isRunning: () => boolean) {
    this.#isRunning = isRunning
  }

  count(outcome: RolloutOutcome['outcome']): void {
    this.#ended[outcome]++
  }

  collect(sink: MetricSink): void {
    sink.value(instruments.policyRollout, Number(this.#isRunning()), {})
    for (const [outcome, count] of Object.entries(this.#ended)) {
      sink.value(instruments.policyRollouts, count, { outcome })
    }
  }
}

/** When upstreams of a service are ejected, and for how long. A limit of infinity disables its cause. */
export interface EjectionRules {
  /** Number of consecutive calls without a reply. */
  readonly failures: number
  /** Number of consecutive calls without a reply or with a status from 500 to 599. */
  readonly errors: number
  /** Share of errors among the recent calls, from 0 to 1. */
  readonly errorRate: number
  /** Factor of the latency, relative to the median of the other upstreams. */
  readonly slower: number
  /** Maximum share of the upstreams that is ejected at the same time, from 0 to 1. */
  readonly maxEjected: number
  readonly timeMs: number
  readonly maxTimeMs: number
}

/** Causes of ejections, as in metrics and log lines. */
export const ejectionCauses = ['failures', 'errors', 'error_rate', 'slower'] as const
export type EjectionCause = (typeof ejectionCauses)[number]

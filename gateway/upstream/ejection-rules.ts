/**
 * Rules by which upstreams of a service are ejected: limits for each cause, and durations. A limit of infinity disables
 * its cause.
 */
export interface EjectionRules {
  /** Number of consecutive calls without a reply after which an upstream is ejected. */
  readonly failures: number
  /**
   * Number of consecutive calls without a reply, or with a status from 500 to 599, after which an upstream is ejected.
   */
  readonly errors: number
  /** Share of errors among the recent calls above which an upstream is ejected, from 0 to 1. */
  readonly errorRate: number
  /** Latency above which an upstream is ejected, as a factor of the median latency of the other upstreams. */
  readonly slower: number
  /** Maximum share of the upstreams that is ejected at the same time, from 0 to 1. */
  readonly maxEjected: number
  readonly timeMs: number
  readonly maxTimeMs: number
}

/** Causes of ejections, as in metrics and log lines. */
export const ejectionCauses = ['failures', 'errors', 'error_rate', 'slower'] as const
export type EjectionCause = (typeof ejectionCauses)[number]

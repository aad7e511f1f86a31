/** Range of HTTP statuses; both ends are included. */
export interface StatusRange {
  readonly from: number
  readonly to: number
}

/** Rules for the health checks of the upstreams of a service. */
export interface HealthRules {
  /** Path and query of the request; `undefined`: the health check of gRPC (`grpc.health.v1.Health/Check`). */
  readonly path: string | undefined
  /** HTTP statuses with which a check passes. */
  readonly expect: readonly StatusRange[]
  /** Mean time between two checks of an upstream, ms. */
  readonly intervalMs: number
  /** Maximum time of a check, connection included, ms. */
  readonly timeoutMs: number
  /** Number of consecutive passed checks after which an upstream that failed gets calls again. */
  readonly healthy: number
  /** Number of consecutive failed checks after which an upstream gets no calls. */
  readonly unhealthy: number
}

/** Results of health checks, as in metrics: the check passed, or why it failed. */
export const checkResults = ['passed', 'status', 'timeout', 'connection'] as const
export type CheckResult = (typeof checkResults)[number]

/** Outcome of one health check. */
export interface CheckOutcome {
  readonly result: CheckResult
  /**
   * Explanation of the outcome for operators on one line, such as `status 503, expected 200-299`. Contains no part of
   * the reply except its status.
   */
  readonly detail: string
}

/** Formats ranges of statuses as in a policy: `200-299, 401`. */
export function formatRanges(ranges: readonly StatusRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(', ')
}

import { faults } from './sick/service-fault.ts'
import { provenFigure } from './soak/soak-report.ts'
import { type SoakFigure, soakFigures } from './soak/soak-samples.ts'

/** Upper limit of one figure that a benchmark scenario measures. */
export interface Budget {
  readonly scenario: string
  readonly figure: string
  readonly most: number
  /**
   * Share of `most` by which the figure can exceed `most` before the run fails. Set to the normal variation of the
   * figure; 0.1 means 10 %.
   */
  readonly tolerance: number
}

/** Tolerance of ratios of CPU times of one round: 10 %, because such ratios are stable even on a busy machine. */
const RATIO = 0.1
/**
 * Tolerance of CPU times: 25 %, because on a busy machine other processes slow a process down through the CPU caches.
 */
const CPU = 0.25
/** Tolerance of times on a shared machine: 100 %. */
const TIME = 1
/** Tolerance of memory sizes: 15 %, because the garbage collector releases memory late. */
const MEMORY = 0.15
/** Tolerance of figures that must not exceed the budget in any run: 0 %. */
const EXACT = 0

/** Budgets of all benchmark scenarios. When a run misses a budget, profile the gate; do not raise the budget. */
export const budgets: readonly Budget[] = [
  { scenario: 'hot', figure: 'ratio', most: 1.35, tolerance: RATIO },
  { scenario: 'hot', figure: 'policy_us_per_request', most: 5, tolerance: 0.5 },
  // A request with a session cookie costs about 2 µs more than a request with a token: the gate looks up the session
  // and removes the cookie before it forwards the request.
  { scenario: 'session', figure: 'ratio', most: 1.15, tolerance: RATIO },
  { scenario: 'websocket', figure: 'small_ratio', most: 2.5, tolerance: RATIO },
  { scenario: 'websocket', figure: 'large_ratio', most: 1.2, tolerance: RATIO },
  { scenario: 'websocket', figure: 'idle_ratio', most: 0.5, tolerance: MEMORY },
  // The gate parses and sends HTTP/2 with node:http2, whose streams alone cost about twice as much as nginx.
  { scenario: 'grpc', figure: 'ratio', most: 4, tolerance: RATIO },
  { scenario: 'check', figure: 'ratio', most: 2, tolerance: RATIO },
  { scenario: 'refused', figure: 'missing_cpu_us_per_request', most: 10, tolerance: CPU },
  { scenario: 'refused', figure: 'malformed_cpu_us_per_request', most: 10, tolerance: CPU },
  { scenario: 'limited', figure: 'one_leased_redis_calls_per_1000', most: 20, tolerance: CPU },
  { scenario: 'admission', figure: 'exact_over_requests', most: 0, tolerance: EXACT },
  { scenario: 'admission', figure: 'leased_over_requests', most: 0, tolerance: EXACT },
  { scenario: 'admission', figure: 'exact_under_percent', most: 2, tolerance: CPU },
  { scenario: 'admission', figure: 'leased_under_percent', most: 2, tolerance: CPU },
  { scenario: 'limits', figure: 'exact_over_requests', most: 0, tolerance: EXACT },
  { scenario: 'limits', figure: 'leased_over_requests', most: 0, tolerance: EXACT },
  { scenario: 'latency', figure: 'added_p50_ms', most: 0.3, tolerance: TIME },
  { scenario: 'latency', figure: 'added_p99_ms', most: 1.5, tolerance: TIME },
  // A third of the time per audit record is memory access, which other processes on the machine slow down.
  { scenario: 'audit', figure: 'us_per_event', most: 3, tolerance: TIME },
  { scenario: 'audit', figure: 'redis_bytes_per_event', most: 100, tolerance: MEMORY },
  { scenario: 'audit', figure: 'lost_records', most: 0, tolerance: EXACT },
  { scenario: 'swap', figure: 'failed_requests', most: 0, tolerance: EXACT },
  { scenario: 'revocation', figure: 'idle_p99_ms', most: 25, tolerance: TIME },
  { scenario: 'revocation', figure: 'load_p99_ms', most: 100, tolerance: TIME },
  { scenario: 'revocation', figure: 'admitted_after_receipt', most: 0, tolerance: EXACT },
  { scenario: 'start', figure: 'start_ms', most: 1000, tolerance: TIME },
  { scenario: 'replica', figure: 'replica_mib', most: 150, tolerance: MEMORY },
  { scenario: 'memory', figure: 'waiting_mib', most: 100, tolerance: MEMORY },
  { scenario: 'memory', figure: 'download_mib', most: 64, tolerance: MEMORY },
  { scenario: 'memory', figure: 'upload_mib', most: 64, tolerance: MEMORY },
  // The upload buffers of a node have at most 256 MiB. The other 96 MiB are memory that the garbage collector has not
  // released yet.
  { scenario: 'memory', figure: 'uploads_mib', most: 352, tolerance: MEMORY },
  // A node verifies invalid tokens of one client address until the burst (500) is used up, then 50 tokens per second.
  { scenario: 'memory', figure: 'verified_forgeries', most: 1000, tolerance: EXACT },
  { scenario: 'overload', figure: 'latency_ratio', most: 1.5, tolerance: TIME },
  { scenario: 'overload', figure: 'lost_goodput_percent', most: 10, tolerance: CPU },
  { scenario: 'overload', figure: 'recovery_ms', most: 2000, tolerance: CPU },
  { scenario: 'overload', figure: 'memory_rise_mib', most: 256, tolerance: MEMORY },
  { scenario: 'overload', figure: 'forged_tokens_users_failed_percent', most: 0, tolerance: EXACT },
  { scenario: 'overload', figure: 'forged_tokens_users_unsent_percent', most: 0, tolerance: EXACT },
  { scenario: 'overload', figure: 'connections_users_failed_percent', most: 0, tolerance: EXACT },
  { scenario: 'overload', figure: 'connections_users_unsent_percent', most: 0, tolerance: EXACT },
  { scenario: 'overload', figure: 'logins_users_failed_percent', most: 0, tolerance: EXACT },
  { scenario: 'overload', figure: 'logins_users_unsent_percent', most: 0, tolerance: EXACT },
  ...faults.flatMap((fault): Budget[] => [
    { scenario: 'sick-upstreams', figure: `${fault}_failed_behind_peers_requests`, most: 0, tolerance: EXACT },
    { scenario: 'sick-upstreams', figure: `${fault}_added_p99_behind_peers_ms`, most: 1, tolerance: TIME },
  ]),
  ...(Object.keys(soakFigures) as SoakFigure[]).map(
    (figure): Budget => ({
      scenario: 'soak',
      figure: provenFigure(figure),
      most: soakFigures[figure].most,
      tolerance: EXACT,
    }),
  ),
  { scenario: 'soak', figure: 'failed_actions', most: 0, tolerance: EXACT },
  { scenario: 'soak', figure: 'added_unexpiring_keys', most: 10, tolerance: EXACT },
  { scenario: 'scale', figure: 'cpu_growth_1_to_8', most: 1.1, tolerance: RATIO },
  { scenario: 'peers', figure: 'ratio_to_nginx', most: 1.35, tolerance: RATIO },
  { scenario: 'peers', figure: 'ratio_to_haproxy_jwt', most: 0.15, tolerance: RATIO },
  { scenario: 'peers', figure: 'cold_ratio_to_haproxy_jwt', most: 1, tolerance: RATIO },
]

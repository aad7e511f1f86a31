/** Upper limit of a figure. */
export interface Budget {
  readonly scenario: string
  readonly figure: string
  readonly most: number
  /** Part of `most` by which a figure may exceed it before the run fails: the normal variation of such figures. */
  readonly tolerance: number
}

/** Ratio of CPU times of one round: stable even on a busy machine. */
const RATIO = 0.1
/** CPU time of a process: on a busy machine, other processes slow it down through the caches. */
const CPU = 0.25
/** Times on a shared machine. */
const TIME = 1
/** Resident memory, which the garbage collector releases late. */
const MEMORY = 0.15
/** Figures without variation: right or wrong. */
const EXACT = 0

/** All budgets. A missed budget is a reason to profile, not to raise the budget. */
export const budgets: readonly Budget[] = [
  { scenario: 'hot', figure: 'ratio', most: 1.35, tolerance: RATIO },
  { scenario: 'hot', figure: 'policy_us_per_request', most: 5, tolerance: 0.5 },
  // A session costs one more look-up than a token, and its cookie is removed for the service: about 2 µs.
  { scenario: 'session', figure: 'ratio', most: 1.15, tolerance: RATIO },
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
  // A third of it is memory access, which other processes on the machine slow down.
  { scenario: 'audit', figure: 'us_per_event', most: 3, tolerance: TIME },
  { scenario: 'audit', figure: 'redis_bytes_per_event', most: 100, tolerance: MEMORY },
  { scenario: 'audit', figure: 'lost_records', most: 0, tolerance: EXACT },
  { scenario: 'swap', figure: 'failed_requests', most: 0, tolerance: EXACT },
  { scenario: 'revocation', figure: 'idle_p99_ms', most: 25, tolerance: TIME },
  { scenario: 'revocation', figure: 'load_p99_ms', most: 100, tolerance: TIME },
  { scenario: 'revocation', figure: 'admitted_after_receipt', most: 0, tolerance: EXACT },
  { scenario: 'start', figure: 'start_ms', most: 1000, tolerance: TIME },
  { scenario: 'replica', figure: 'replica_mib', most: 150, tolerance: MEMORY },
  { scenario: 'soak', figure: 'waiting_mib', most: 100, tolerance: MEMORY },
  { scenario: 'soak', figure: 'download_mib', most: 64, tolerance: MEMORY },
  { scenario: 'soak', figure: 'upload_mib', most: 64, tolerance: MEMORY },
  // 256 MiB for the uploads of a node, plus garbage that is not collected yet.
  { scenario: 'soak', figure: 'uploads_mib', most: 352, tolerance: MEMORY },
  // The burst that one address may use, plus 50 per second.
  { scenario: 'soak', figure: 'verified_forgeries', most: 1000, tolerance: EXACT },
  { scenario: 'scale', figure: 'cpu_growth_1_to_8', most: 1.1, tolerance: RATIO },
  { scenario: 'peers', figure: 'ratio_to_nginx', most: 1.35, tolerance: RATIO },
  { scenario: 'peers', figure: 'ratio_to_haproxy_jwt', most: 0.15, tolerance: RATIO },
  { scenario: 'peers', figure: 'cold_ratio_to_haproxy_jwt', most: 1, tolerance: RATIO },
]

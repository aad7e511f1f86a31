/** What a process tells others of itself, beside its log and `/metrics`. URLs are whole: nothing is appended. */
export interface TelemetrySettings {
  /** `undefined`: no exchange is recorded. */
  readonly traces: TraceSettings | undefined
  readonly metrics: { readonly endpoint: string; readonly intervalMs: number } | undefined
  readonly logs: { readonly endpoint: string } | undefined
  /** Value of the `Authorization` field for the receivers. */
  readonly authorization: string | undefined
}

export interface TraceSettings {
  /** `undefined`: they go nowhere but to Redis. */
  readonly endpoint: string | undefined
  /** Part of the traces that is recorded, 0 to 1. */
  readonly ratio: number
  /** What a client has begun is recorded where the client records it. */
  readonly parentBased: boolean
  /** Exchanges whose reply took so long are recorded in any case. */
  readonly slowMs: number | undefined
  /** Exchanges that failed are recorded in any case. */
  readonly faults: boolean
  /** Most exchanges that a node records in a second. */
  readonly maxPerSecond: number
  /** So many of the last ones Redis keeps; 0: none. */
  readonly recent: number
  /** Where people look at a trace elsewhere, with `{trace_id}` in it. */
  readonly link: string | undefined
}

/**
 * Settings of the telemetry that a process sends, in addition to its log and `/metrics`. URLs are complete: nothing is
 * appended to them.
 */
export interface TelemetrySettings {
  /** `undefined`: no exchange is traced. */
  readonly traces: TraceSettings | undefined
  readonly metrics: { readonly endpoint: string; readonly intervalMs: number } | undefined
  readonly logs: { readonly endpoint: string } | undefined
  /** Value of the `Authorization` field that is sent to the receivers. */
  readonly authorization: string | undefined
}

export interface TraceSettings {
  /** `undefined`: traces are only kept in Redis. */
  readonly endpoint: string | undefined
  /** Fraction of the traces that is recorded, 0 to 1. */
  readonly ratio: number
  /** True to follow the client's sampling decision when the request contains a trace context. */
  readonly parentBased: boolean
  /** Exchanges whose reply took at least this time are always recorded, ms. */
  readonly slowMs: number | undefined
  /** True to always record exchanges that failed. */
  readonly faults: boolean
  /** Most exchanges that a node records per second. */
  readonly maxPerSecond: number
  /** Number of recent traces that Redis keeps; 0 keeps none. */
  readonly recent: number
  /** URL of an external trace viewer, with the placeholder `{trace_id}`. */
  readonly link: string | undefined
}

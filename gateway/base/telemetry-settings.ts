/**
 * Settings of the telemetry that a process sends, in addition to its log and `/metrics`. URLs are used as configured:
 * no path is appended.
 */
export interface TelemetrySettings {
  /** Settings of traces; `undefined` when no exchange is traced. */
  readonly traces: TraceSettings | undefined
  readonly metrics: { readonly endpoint: string; readonly intervalMs: number } | undefined
  readonly logs: { readonly endpoint: string } | undefined
}

export interface TraceSettings {
  /** URL of the OTLP receiver of traces; `undefined` stores traces only in Redis. */
  readonly endpoint: string | undefined
  /** Fraction of the traces that are recorded, 0 to 1. */
  readonly ratio: number
  /** True to follow the client's sampling decision (`traceparent`) when the request has one. */
  readonly parentBased: boolean
  /** Duration from which the trace of an exchange is always recorded, ms; `undefined` disables the rule. */
  readonly slowMs: number | undefined
  /** True to always record the traces of exchanges that failed. */
  readonly faults: boolean
  /** Largest number of exchanges that a node traces per second. */
  readonly maxPerSecond: number
  /** Number of recent traces that Redis stores; 0 stores no traces. */
  readonly recent: number
  /** URL of an external trace viewer, with the placeholder `{trace_id}`. */
  readonly link: string | undefined
}

/** One span of a recorded trace. All strings are bounded in length, because clients choose many of them. */
export interface Span {
  /** Id of the trace: 32 hexadecimal digits. */
  readonly traceId: string
  /** Id of the span: 16 hexadecimal digits. */
  readonly spanId: string
  /** Span id of the parent; `''` for the first span of the trace. */
  readonly parentId: string
  /** Whether the parent span belongs to another process. */
  readonly remoteParent: boolean
  readonly name: string
  readonly kind: SpanKind
  /** Start of the span, ms since the Unix epoch, with fractions. */
  readonly startMs: number
  /** End of the span, ms since the Unix epoch, with fractions. */
  readonly endMs: number
  /** Reason of the failure, from a closed set of words; `undefined` when the step of the span succeeded. */
  readonly error: string | undefined
  /**
   * Attributes of the span. Names follow the OpenTelemetry semantic conventions where a name exists, else they are
   * `gatehouse.*`.
   */
  readonly attributes: SpanAttributes
  /** Spans of other traces that caused this span. */
  readonly links: readonly SpanLink[]
}

export type SpanKind = 'server' | 'client' | 'internal' | 'consumer'

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface SpanLink {
  readonly traceId: string
  readonly spanId: string
}

/** Receiver of recorded spans. Its memory must be bounded, and `add` must not block the caller. */
export interface SpanOutlet {
  /**
   * Adds the spans of one exchange or job.
   *
   * @param spans  spans, the outermost first
   */
  add(spans: readonly Span[]): void
}

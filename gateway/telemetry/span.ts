/** One step of something that was recorded. Texts are bounded: much of what is said here, a client wrote. */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  /** `''`: the first of its trace. */
  readonly parentId: string
  /** The parent is of another process. */
  readonly remoteParent: boolean
  readonly name: string
  readonly kind: SpanKind
  /** ms since the epoch, with fractions. */
  readonly startMs: number
  readonly endMs: number
  /** Why it failed, in a word of the closed vocabulary; `undefined`: it did not. */
  readonly error: string | undefined
  /** Names are those of OpenTelemetry's semantic conventions where they have one, else `gatehouse.*`. */
  readonly attributes: SpanAttributes
  /** Spans of other traces that caused it. */
  readonly links: readonly SpanLink[]
}

export type SpanKind = 'server' | 'client' | 'internal' | 'consumer'

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface SpanLink {
  readonly traceId: string
  readonly spanId: string
}

/** Takes what was recorded together. Bounded, and never waited for. */
export interface SpanOutlet {
  /** @param spans  the outermost first */
  add(spans: readonly Span[]): void
}

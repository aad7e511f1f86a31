import { type Link, SpanKind as OtelKind, type SpanContext, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { BatchExporter } from '../export-queue.ts'
import type { Span, SpanKind } from '../span.ts'
import { exported } from './exported.ts'
import { hrTime, type Origin } from './origin.ts'

const kinds: Readonly<Record<SpanKind, OtelKind>> = {
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  internal: OtelKind.INTERNAL,
  consumer: OtelKind.CONSUMER,
}

/** Sends spans over OTLP. Converts spans per batch, not per exchange. */
export class SpanExporter implements BatchExporter<Span> {
  readonly #exporter: OTLPTraceExporter
  readonly #origin: Origin

  constructor(url: string, headers: Record<string, string>, origin: Origin) {
    this.#exporter = new OTLPTraceExporter({ url, headers })
    this.#origin = origin
  }

  send(batch: readonly Span[]): Promise<void> {
    return exported(
      this.#exporter,
      batch.map((span) => readable(span, this.#origin)),
    )
  }

  close(): Promise<void> {
    return this.#exporter.shutdown()
  }
}

function readable(span: Span, { resource, scope }: Origin): ReadableSpan {
  const { traceId, spanId, parentId, remoteParent, name, kind, startMs, endMs, error, attributes, links } = span
  const context = contextOf(traceId, spanId, false)
  return {
    name,
    kind: kinds[kind],
    spanContext: () => context,
    ...(parentId !== '' && { parentSpanContext: contextOf(traceId, parentId, remoteParent) }),
    startTime: hrTime(startMs),
    endTime: hrTime(endMs),
    duration: hrTime(endMs - startMs),
    ended: true,
    status: error === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
    attributes: { ...attributes },
    links: links.map((link): Link => ({ context: contextOf(link.traceId, link.spanId, true) })),
    events: [],
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

function contextOf(traceId: string, spanId: string, isRemote: boolean): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote }
}

import {
  type Attributes,
  type HrTime,
  type Link,
  SpanKind as OtelKind,
  type SpanContext,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api'
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace'
import type { Delivery } from '../delivery.ts'
import type { Span, SpanKind, SpanOutlet } from '../span.ts'
import { CountedExporter } from './counted-exporter.ts'
import type { Origin } from './origin.ts'
import { hrTime } from './origin.ts'
import { processorOptions, QUEUE_MAX } from './queue-limits.ts'

const kinds: Readonly<Record<SpanKind, OtelKind>> = {
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  internal: OtelKind.INTERNAL,
  consumer: OtelKind.CONSUMER,
}

/** Sends spans over OTLP, in batches of the SDK's `BatchSpanProcessor`. Never blocks the caller. */
export class SpanQueue implements SpanOutlet {
  readonly #exporter: CountedExporter<ReadableSpan[]>
  readonly #processor: BatchSpanProcessor
  readonly #delivery: Delivery
  readonly #origin: Origin
  #added = 0

  constructor(exporter: Required<SpanExporter>, delivery: Delivery, origin: Origin) {
    this.#exporter = new CountedExporter(exporter, delivery, { items: (batch) => batch.length })
    this.#processor = new BatchSpanProcessor({ exporter: this.#exporter, ...processorOptions })
    this.#delivery = delivery
    this.#origin = origin
  }

  add(spans: readonly Span[]): void {
    for (const span of spans) {
      // Check the limit of the queue here: the processor does not report the spans that it drops.
      if (this.#added - this.#exporter.taken >= QUEUE_MAX) {
        this.#delivery.dropped(1)
        continue
      }
      this.#added++
      this.#processor.onEnd(new SpanView(span, this.#origin))
    }
  }

  /** Sends the waiting spans and closes the exporter. The caller limits the time. */
  close(): Promise<void> {
    return this.#processor.shutdown()
  }
}

/**
 * View of a span in the form of the OpenTelemetry SDK. Converts times, links and status when they are read, so a
 * waiting span needs little memory.
 */
class SpanView implements ReadableSpan {
  readonly #span: Span
  readonly #origin: Origin
  readonly parentSpanContext?: SpanContext
  readonly ended = true
  readonly events = []
  readonly droppedAttributesCount = 0
  readonly droppedEventsCount = 0
  readonly droppedLinksCount = 0

  constructor(span: Span, origin: Origin) {
    this.#span = span
    this.#origin = origin
    const { traceId, parentId, remoteParent } = span
    if (parentId !== '') this.parentSpanContext = contextOf(traceId, parentId, remoteParent)
  }

  get name(): string {
    return this.#span.name
  }

  get kind(): OtelKind {
    return kinds[this.#span.kind]
  }

  spanContext(): SpanContext {
    return contextOf(this.#span.traceId, this.#span.spanId, false)
  }

  get startTime(): HrTime {
    return hrTime(this.#span.startMs)
  }

  get endTime(): HrTime {
    return hrTime(this.#span.endMs)
  }

  get duration(): HrTime {
    return hrTime(this.#span.endMs - this.#span.startMs)
  }

  get status(): SpanStatus {
    const { error } = this.#span
    return error === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error }
  }

  get attributes(): Attributes {
    return this.#span.attributes
  }

  get links(): Link[] {
    return this.#span.links.map(({ traceId, spanId }): Link => ({ context: contextOf(traceId, spanId, true) }))
  }

  get resource(): Origin['resource'] {
    return this.#origin.resource
  }

  get instrumentationScope(): Origin['scope'] {
    return this.#origin.scope
  }
}

function contextOf(traceId: string, spanId: string, isRemote: boolean): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote }
}

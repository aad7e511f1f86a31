import { performance } from 'node:perf_hooks'
import { newSpanId } from '../base/trace-id.ts'
import type { Tracer } from '../telemetry/tracer.ts'
import type { Exchange } from './exchange.ts'
import { exchangeSpans } from './exchange-spans.ts'
import { joinTrace, trustsTrace } from './trace-context.ts'

/** Records an exchange at its end, where it was sampled, or ended so that it is recorded in any case. */
export function recordExchange(x: Exchange, tracer: Tracer): void {
  // Refused before its route was known.
  if (x.traceparent === '') joinTrace(x, trustsTrace(x))
  const now = performance.now()
  if (x.spanId === '') {
    if (!tracer.looksBack || !tracer.keeps(x, now)) return
    x.spanId = newSpanId()
  }
  tracer.record(exchangeSpans(x, now))
}

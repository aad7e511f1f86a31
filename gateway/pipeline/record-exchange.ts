import { performance } from 'node:perf_hooks'
import { newSpanId, newTraceId } from '../base/trace-id.ts'
import { failed, type Tracer } from '../telemetry/tracer.ts'
import type { Exchange } from './exchange.ts'
import { exchangeSpans } from './exchange-spans.ts'
import { joinTrace, trustsTrace } from './trace-context.ts'

/** Records an exchange at its end, where it was sampled, or ended so that it is recorded in any case. */
export function recordExchange(x: Exchange, tracer: Tracer): void {
  // Refused before its route was known.
  if (x.traceparent === '') joinTrace(x, trustsTrace(x))
  const now = performance.now()
  if (x.sampling !== 'granted') sampleRefused(x, tracer)
  if (x.spanId === '') {
    if (!tracer.looksBack || !tracer.keeps(x, now)) return
    x.spanId = newSpanId()
  }
  tracer.record(exchangeSpans(x, now))
}

/** The id of a stranger's trace is the stranger's choice, so that the ratio is applied to one of our own. */
function sampleRefused(x: Exchange, tracer: Tracer): void {
  const { sampling } = x
  const wanted = sampling === 'pending' ? tracer.wants(newTraceId(), undefined) : sampling === 'wanted'
  if (!wanted || !tracer.hasRoom(failed(x.reason) ? 'fault' : 'refused')) x.spanId = ''
}

import { performance } from 'node:perf_hooks'
import { newSpanId, newTraceId } from '../../base/trace-id.ts'
import { failed, type Tracer } from '../../telemetry/tracer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { joinTrace, trustsTrace } from '../exchange/trace-context.ts'
import { exchangeSpans } from './exchange-spans.ts'

/** Records the trace of an exchange at its end, if it was sampled or its outcome requires a trace. */
export function recordExchange(x: Exchange, tracer: Tracer): void {
  // Choose the trace now: an exchange that was refused before its route was known has none yet.
  if (x.traceparent === '') joinTrace(x, trustsTrace(x))
  const now = performance.now()
  if (x.sampling !== 'granted') sampleRefused(x, tracer)
  if (x.spanId === '') {
    if (!tracer.looksBack || !tracer.keeps(x, now)) return
    x.spanId = newSpanId()
  }
  tracer.record(exchangeSpans(x, now))
}

/**
 * Decides whether an exchange is traced that ended before `sample-trace` selected it. If sampling was pending, the
 * sampling ratio is applied to a new trace id. The client's trace id is not used, because an unauthenticated client
 * could choose a trace id that is always sampled.
 */
function sampleRefused(x: Exchange, tracer: Tracer): void {
  const { sampling } = x
  const wanted = sampling === 'pending' ? tracer.wants(newTraceId(), undefined) : sampling === 'wanted'
  if (!wanted || !tracer.hasRoom(failed(x.reason) ? 'fault' : 'refused')) x.spanId = ''
}

import { newSpanId, newTraceId } from '../../base/trace-id.ts'
import type { Tracer } from '../../telemetry/tracer.ts'
import type { Exchange } from './exchange.ts'

const TRACESTATE_MAX_BYTES = 512
const TRACESTATE_MAX_MEMBERS = 32
const BAGGAGE_MAX_BYTES = 8192

/**
 * Whether the gate forwards a `tracestate` list. W3C Trace Context §3.3.1 allows at most 32 members; 512 bytes are the
 * size that must at least be propagated (§3.3.1.5).
 */
export function keepsTracestate(list: string): boolean {
  return (
    list.length <= TRACESTATE_MAX_BYTES && list.split(',', TRACESTATE_MAX_MEMBERS + 1).length <= TRACESTATE_MAX_MEMBERS
  )
}

/**
 * Whether the gate forwards a `baggage` list of at most 8,192 bytes, the size that must at least be propagated (W3C
 * Baggage §3.3.2).
 */
export function keepsBaggage(list: string): boolean {
  return list.length <= BAGGAGE_MAX_BYTES
}

const form = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?$/

/**
 * Whether a `traceparent` is valid. W3C Trace Context §3.2: version 00 ends after the flags; later versions may be
 * longer.
 */
export function continuesTrace(traceparent: string): boolean {
  return form.test(traceparent) && (traceparent.length === 55 || !traceparent.startsWith('00'))
}

/**
 * Returns the trace id in a `traceparent`.
 *
 * @param traceparent  a valid value, or `''`, which returns `''`
 */
export function traceIdIn(traceparent: string): string {
  return traceparent.slice(3, 35)
}

/**
 * Returns the span id in a `traceparent`.
 *
 * @param traceparent  a valid value
 */
export function spanIdIn(traceparent: string): string {
  return traceparent.slice(36, 52)
}

/** Bit of the sampled flag in `traceparent` (W3C Trace Context §3.2.2.5). */
const SAMPLED = 1
/** Bit of the random-trace-id flag (Trace Context Level 2), which the client that started the trace has set. */
const RANDOM = 2

/**
 * Decides which trace the exchange belongs to and whether the exchange is traced. An exchange that continues the
 * client's trace and is not traced sends the client's `traceparent` unchanged, so that the trace has no gap.
 *
 * A client could force every request to be traced, by its sampled flag or by a trace id that the sampling ratio
 * selects. The flag and the trace id apply immediately only if the settings trust the peer that sent them (`proxies`,
 * `check.peers`). For other clients the phase `sample-trace` applies them later, to admitted requests only.
 *
 * @param trusted  whether the service trusts the client's trace
 */
export function joinTrace(x: Exchange, trusted: boolean): void {
  const given = x.head.traceparent
  const { tracer } = x.gate
  x.continuesTrace = trusted && given !== undefined && continuesTrace(given)
  if (!x.continuesTrace) {
    const traceId = newTraceId()
    const sampled = tracer?.wants(traceId, undefined) === true
    x.traceparent = `00-${traceId}-${newSpanId()}-0${sampled ? SAMPLED : 0}`
    if (sampled) beginSpan(x, 'wanted')
    return
  }
  x.traceparent = given!
  if (tracer === undefined || !tracer.mayWant(isFlagged(given!))) return
  if (x.peerTrusted) sampleContinued(x, tracer)
  else beginSpan(x, 'pending')
}

/**
 * Completes a pending sampling decision for an admitted exchange, and reserves trace budget if the exchange is to be
 * traced.
 */
export function sampleAdmitted(x: Exchange, tracer: Tracer): void {
  if (x.sampling === 'pending') sampleContinued(x, tracer)
  if (x.sampling !== 'wanted') return
  if (tracer.hasRoom('admitted')) {
    x.sampling = 'granted'
    return
  }
  x.sampling = 'none'
  x.spanId = ''
  x.traceparent = x.continuesTrace ? x.head.traceparent! : `${x.traceparent.slice(0, -2)}00`
}

/**
 * Decides by the client's sampled flag or trace id whether an exchange is traced. The exchange continues the client's
 * trace.
 */
function sampleContinued(x: Exchange, tracer: Tracer): void {
  const given = x.head.traceparent!
  const traceId = traceIdIn(given)
  if (!tracer.wants(traceId, isFlagged(given))) {
    x.sampling = 'none'
    x.spanId = ''
    return
  }
  x.traceparent = `00-${traceId}-${newSpanId()}-0${(flagsOf(given) & RANDOM) | SAMPLED}`
  beginSpan(x, 'wanted')
}

function flagsOf(traceparent: string): number {
  return Number.parseInt(traceparent.slice(53, 55), 16)
}

function isFlagged(traceparent: string): boolean {
  return (flagsOf(traceparent) & SAMPLED) !== 0
}

/**
 * Returns the `traceparent` for jobs that the exchange adds; `undefined` when the exchange is not traced. Also defined
 * while sampling is pending: only a request with a valid, cached token or session adds a job.
 */
export function recordedParent({ traceparent, spanId }: Exchange): string | undefined {
  return spanId === '' ? undefined : `00-${traceIdIn(traceparent)}-${spanId}-01`
}

function beginSpan(x: Exchange, sampling: 'pending' | 'wanted'): void {
  x.sampling = sampling
  if (x.spanId === '') x.spanId = newSpanId()
  x.marks ??= new Float64Array(x.lifecycle.request.length)
}

/**
 * Whether the client's trace is continued, by the setting of the service. Without a route, only if every service trusts
 * traces.
 */
export function trustsTrace({ route, gate }: Exchange): boolean {
  return route?.service.trustTrace ?? gate.runtime.snapshot.trustsTraces
}

/**
 * Returns the trace id of an exchange, 32 hexadecimal digits; `undefined` if the exchange was refused before a trace
 * was chosen.
 */
export function traceIdOf(x: Exchange): string | undefined {
  if (x.traceparent !== '') return traceIdIn(x.traceparent)
  const given = x.head.traceparent
  if (given === undefined || !trustsTrace(x)) return undefined
  return continuesTrace(given) ? traceIdIn(given) : undefined
}

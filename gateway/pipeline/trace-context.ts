import { newSpanId, newTraceId } from '../base/trace-id.ts'
import type { Tracer } from '../telemetry/tracer.ts'
import type { Exchange } from './exchange.ts'

const TRACESTATE_MAX_BYTES = 512
const TRACESTATE_MAX_MEMBERS = 32
const BAGGAGE_MAX_BYTES = 8192

/** W3C Trace Context §3.3.1: no more members are lawful, and no more bytes have to be passed on (§3.3.1.5). */
export function keepsTracestate(list: string): boolean {
  return (
    list.length <= TRACESTATE_MAX_BYTES && list.split(',', TRACESTATE_MAX_MEMBERS + 1).length <= TRACESTATE_MAX_MEMBERS
  )
}

/** W3C Baggage §3.3.2: what has to be passed on at least. */
export function keepsBaggage(list: string): boolean {
  return list.length <= BAGGAGE_MAX_BYTES
}

const form = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?$/

/** W3C Trace Context §3.2: version 00 ends after the flags, a later one may go on. */
export function continuesTrace(traceparent: string): boolean {
  return form.test(traceparent) && (traceparent.length === 55 || !traceparent.startsWith('00'))
}

/** @param traceparent  a valid one, or `''`, which has none */
export function traceIdIn(traceparent: string): string {
  return traceparent.slice(3, 35)
}

/** @param traceparent  a valid one */
export function spanIdIn(traceparent: string): string {
  return traceparent.slice(36, 52)
}

/** W3C Trace Context §3.2.2.5. */
const SAMPLED = 1
/** Level 2: the id of the trace is random. Whoever began it says so. */
const RANDOM = 2

/**
 * Decides to which trace the exchange belongs, and whether it is to be recorded. What is not recorded leaves no gap: a service
 * then gets the very `traceparent` of the client.
 *
 * A client could have every request recorded by its sampled flag, or by an id that the ratio selects. So both count at once only
 * from a listed peer; from anybody else they are left for `sample-trace`, which admitted requests alone reach.
 *
 * @param trusted  whether what the client sent is continued
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
  if (x.peerBelieved) sampleContinued(x, tracer)
  else beginSpan(x, 'pending')
}

/** Decides whether an admitted exchange is recorded, where that is still open, and takes room for it. */
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

/** By the flag of the client, or by the id of its trace. */
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
 * `traceparent` for jobs that the exchange causes; `undefined`: it is not recorded. While it is pending too: only the use of a
 * token that is known causes a job.
 */
export function recordedParent({ traceparent, spanId }: Exchange): string | undefined {
  return spanId === '' ? undefined : `00-${traceIdIn(traceparent)}-${spanId}-01`
}

function beginSpan(x: Exchange, sampling: 'pending' | 'wanted'): void {
  x.sampling = sampling
  if (x.spanId === '') x.spanId = newSpanId()
  x.marks ??= new Float64Array(x.lifecycle.request.length)
}

/** Whether a client's trace is continued: as the service says, and before there is one only where every service does. */
export function trustsTrace({ route, gate }: Exchange): boolean {
  return route?.service.trustTrace ?? gate.runtime.snapshot.trustsTraces
}

/** The trace that an exchange belongs to, 32 hexadecimal digits; `undefined` where it was refused before it had one. */
export function traceIdOf(x: Exchange): string | undefined {
  if (x.traceparent !== '') return traceIdIn(x.traceparent)
  const given = x.head.traceparent
  if (given === undefined || !trustsTrace(x)) return undefined
  return continuesTrace(given) ? traceIdIn(given) : undefined
}

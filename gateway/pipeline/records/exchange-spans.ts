import { decisionOf } from '../../base/decision.ts'
import { forwardedMethods } from '../../base/methods.ts'
import { newSpanId } from '../../base/trace-id.ts'
import { rewritten } from '../../policy/services/rewrite.ts'
import type { Span, SpanAttributes, SpanKind } from '../../telemetry/span.ts'
import { addressText } from '../client-address/address-text.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { spanIdIn, traceIdIn } from '../exchange/trace-context.ts'

/**
 * Names of the spans of phases that always get a span in a trace. Any other phase gets a span only if the phase waited
 * or refused.
 */
const named: Readonly<Record<string, string>> = {
  authenticate: 'authenticate',
  'limit-subject': 'limit',
  'shape-request': 'credential',
}
/** A phase that takes at least this time, ms, gets a span, because the phase waited for I/O or for the CPU. */
const WAITED_MS = 1
const TEXT_MAX = 256
const PATH_MAX = 1024

const methods: ReadonlySet<string> = new Set(forwardedMethods)

/**
 * Returns the spans of a completed exchange, the server span first. Built at the end from recorded timestamps, so that
 * exchanges that are not traced cost nothing. The tracer of the OpenTelemetry SDK is not used: it allocates a context,
 * sampler arguments and a span for each exchange. It also cannot record an exchange only because the exchange was slow
 * or failed.
 *
 * @param now  current time, monotonic, ms
 */
export function exchangeSpans(x: Exchange, now: number): Span[] {
  const traceId = traceIdIn(x.traceparent)
  const wallMs = x.arrivedMs - x.startedAt
  const failure = failureOf(x)
  const spanOf = (part: Part): Span => ({
    traceId,
    spanId: part.spanId ?? newSpanId(),
    parentId: x.spanId,
    remoteParent: false,
    name: part.name,
    kind: part.kind,
    startMs: wallMs + part.startedAt,
    endMs: wallMs + Math.max(part.startedAt, part.endedAt),
    error: part.error,
    attributes: part.attributes,
    links: [],
  })
  const { method } = x
  const name = methods.has(method) ? method : 'HTTP'
  const whole: Span = {
    ...spanOf({
      spanId: x.spanId,
      name: x.route === undefined ? name : `${name} ${x.route.path}`,
      kind: 'server',
      startedAt: x.startedAt,
      endedAt: now,
      error: failure,
      attributes: attributesOf(x, failure),
    }),
    parentId: x.continuesTrace ? spanIdIn(x.head.traceparent!) : '',
    remoteParent: true,
  }
  const parts = phaseParts(x, now)
  if (x.forwardedAt !== 0) parts.push(...failedParts(x), upstreamPart(x, now, failure))
  return [whole, ...parts.map(spanOf)]
}

interface Part {
  /** Id of the span; a new id is generated when `undefined`. */
  readonly spanId?: string
  readonly name: string
  readonly kind: SpanKind
  /** Start of the span, monotonic, ms. */
  readonly startedAt: number
  readonly endedAt: number
  readonly error: string | undefined
  readonly attributes: SpanAttributes
}

/** Statuses of gRPC that are errors of a service (semantic conventions of OpenTelemetry for gRPC). */
const grpcErrors: Readonly<Record<number, string>> = {
  2: 'UNKNOWN',
  4: 'DEADLINE_EXCEEDED',
  12: 'UNIMPLEMENTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
  15: 'DATA_LOSS',
}

/** Returns the attribute `error.type` of an exchange; `undefined` for a policy refusal or a status below 500. */
function failureOf({ reason, status, downstream }: Exchange): string | undefined {
  const decision = decisionOf(reason)
  if (decision === 'failed' || decision === 'broken') return reason
  if (decision === 'admitted' && downstream.grpcStatus !== undefined) return grpcErrors[downstream.grpcStatus]
  return status >= 500 ? String(status) : undefined
}

function attributesOf(x: Exchange, failure: string | undefined): SpanAttributes {
  const { head, route, facts, runtime } = x
  return defined({
    'http.request.method': methods.has(x.method) ? x.method : '_OTHER',
    'http.route': route?.path,
    'http.response.status_code': x.status === 0 ? undefined : x.status,
    'url.scheme': x.proto,
    // Record only the path of the URL, because the query may contain a token.
    'url.path': bounded(x.path === '' ? head.target : x.path, PATH_MAX),
    'server.address': x.host === '' ? undefined : bounded(x.host),
    'client.address': addressText(x.address),
    'network.protocol.version': head.version,
    'rpc.system': head.grpc ? 'grpc' : undefined,
    'rpc.grpc.status_code': x.downstream.grpcStatus,
    'error.type': failure,
    'gatehouse.decision': decisionOf(x.reason),
    'gatehouse.reason': x.reason,
    'gatehouse.fault': x.faultMessage === undefined ? undefined : bounded(x.faultMessage),
    'gatehouse.check': x.checkPath === undefined ? undefined : true,
    'gatehouse.node': x.gate.node,
    'gatehouse.request.id': x.id,
    'gatehouse.service': route?.service.id,
    'gatehouse.route': route?.id,
    'gatehouse.policy.revision': route === undefined ? undefined : runtime!.snapshot.revision,
    'gatehouse.issuer': facts?.issuer.issuer,
    'gatehouse.client': facts?.client === undefined ? undefined : bounded(facts.client),
    'gatehouse.limit': x.limit,
    'gatehouse.shadow': x.shadow,
    'gatehouse.shadow_limit': x.shadowLimit,
  })
}

/** Returns the spans of the phases. Each phase ends when the next phase begins. */
function phaseParts(x: Exchange, now: number): Part[] {
  const { marks, forwardedAt } = x
  if (marks === undefined) return []
  const parts: Part[] = []
  const { request: steps } = x.lifecycle
  for (const [i, { name }] of steps.entries()) {
    const startedAt = marks[i]!
    if (startedAt === 0) continue
    const next = marks[i + 1] ?? 0
    const last = next === 0
    // Skip the phase `forward`, because the span of the upstream call starts with `forward`.
    if (last && forwardedAt !== 0) break
    const endedAt = last ? now : next
    const refused = last && decisionOf(x.reason) !== 'answered'
    if (!Object.hasOwn(named, name) && !refused && endedAt - startedAt < WAITED_MS) continue
    const attributes: SpanAttributes = refused ? { 'gatehouse.reason': x.reason } : {}
    const error = last ? failureOf(x) : undefined
    parts.push({ name: named[name] ?? name, kind: 'internal', startedAt, endedAt, error, attributes })
  }
  return parts
}

/** Returns the spans of the attempts that were followed by another one, each with the cause as its error. */
function failedParts({ retryState, forwardedAt }: Exchange): Part[] {
  let startedAt = forwardedAt
  return (retryState?.list ?? []).map(({ at, cause, ...place }) => {
    const attributes = { 'error.type': String(cause), ...placeOf(place) }
    const part: Part = {
      name: 'failed attempt',
      kind: 'internal',
      startedAt,
      endedAt: at,
      error: String(cause),
      attributes,
    }
    startedAt = at
    return part
  })
}

/** Returns the span attributes that name the server of an upstream. */
function placeOf({ origin, peer }: { readonly origin: string; readonly peer?: string | undefined }): SpanAttributes {
  const place = URL.parse(origin)
  if (place === null) return {}
  const port = Number(place.port) || (place.protocol === 'https:' ? 443 : 80)
  const address: SpanAttributes = peer === undefined ? {} : { 'network.peer.address': peer }
  return { 'server.address': place.hostname, 'server.port': port, ...address }
}

/** Returns the span of the upstream call, from the start of forwarding until the end of the response. */
function upstreamPart(x: Exchange, now: number, failure: string | undefined): Part {
  const { head, target, replyHead, route } = x
  const path = route?.rewrite === undefined ? x.path : rewritten(x.path, route.rewrite)
  const status = replyHead?.status
  const error = failure ?? (status !== undefined && status >= 400 ? String(status) : undefined)
  return {
    // Generate a new id for the upstream span of an unsampled trace: its `traceparent` keeps the client's span id.
    spanId: x.traceparent === head.traceparent ? newSpanId() : spanIdIn(x.traceparent),
    name: x.method,
    kind: 'client',
    startedAt: x.forwardedAt,
    endedAt: now,
    error,
    attributes: defined({
      'http.request.method': x.method,
      'http.response.status_code': status,
      'http.request.resend_count': x.attempts > 1 ? x.attempts - 1 : undefined,
      'url.full': target === undefined ? undefined : bounded(target.origin + path, PATH_MAX),
      ...(target && placeOf(target)),
      'error.type': error,
      'gatehouse.first_byte_ms': x.repliedAt === 0 ? undefined : x.repliedAt - x.forwardedAt,
    }),
  }
}

/** Truncates text from a client for a span and replaces lone surrogates. */
function bounded(text: string, max = TEXT_MAX): string {
  return text.slice(0, max).toWellFormed()
}

function defined(attributes: Readonly<Record<string, string | number | boolean | undefined>>): SpanAttributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as SpanAttributes
}

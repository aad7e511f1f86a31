import type { Exchange } from '../pipeline/exchange/exchange.ts'
import { FieldKind, kindOfField } from '../pipeline/exchange/field-kind.ts'
import type { UpstreamRequest } from '../upstream/target.ts'

/** A header field of the request that the service would receive. */
export interface ShownField {
  readonly name: string
  /** `null` when it is not shown: a client's value may be a secret, and some values are generated per exchange. */
  readonly value: string | null
  readonly from: 'gate' | 'client'
}

export interface ServiceView {
  readonly upstreams: readonly string[]
  readonly method: string
  /** Normalized path, after the route's rewriting. The query is forwarded unchanged and not shown. */
  readonly path: string
  readonly query: 'as sent' | null
  readonly fields: readonly ShownField[]
  /** Claims of the identity assertion, unsigned. */
  readonly assertion: Readonly<Record<string, unknown>> | null
}

const assertionField = 'x-gatehouse-jwt-assertion'
/** Fields that the gate generates for each exchange, unless it continues the client's value. */
const generatedFields = new Set(['x-request-id', 'traceparent', assertionField])
/** Kinds of fields that the gate forwards unchanged from the client. The gate sets fields of all other kinds itself. */
const forwardedKinds: ReadonlySet<FieldKind | undefined> = new Set([
  FieldKind.ordinary,
  FieldKind.contentType,
  FieldKind.origin,
  FieldKind.cookie,
  FieldKind.tracestate,
  FieldKind.baggage,
  FieldKind.clientCert,
])

/** @param request  the request that the exchange would have sent */
export function serviceView(x: Exchange, request: UpstreamRequest): ServiceView {
  const fields: ShownField[] = []
  let assertion: ServiceView['assertion'] = null
  for (let i = 0; i < request.fields.length; i += 2) {
    const [name, value] = [request.fields[i]!, request.fields[i + 1]!]
    fields.push(shown(x, name, value))
    if (name === assertionField) assertion = claimsOf(value)
  }
  const { hostHeader, upstreams } = x.route!.service
  // If the request has no `Host`, the upstream connection supplies the upstream's host.
  if (hostHeader === 'upstream') fields.push({ name: 'host', value: upstreams[0]!.host, from: 'gate' })
  const [path = '', ...query] = request.target.split('?')
  return {
    upstreams: upstreams.map(({ origin }) => origin),
    method: request.method,
    path,
    query: query.length === 0 ? null : 'as sent',
    fields,
    assertion,
  }
}

function shown({ head, id }: Exchange, name: string, value: string): ShownField {
  if (forwardedKinds.has(kindOfField(name))) return { name, value: null, from: 'client' }
  const continued =
    name === 'authorization' ||
    (name === 'traceparent' && value === head.traceparent) ||
    (name === 'x-request-id' && id === head.requestId)
  if (continued) return { name, value: null, from: 'client' }
  if (name === 'via') return { name, value: head.via === undefined ? value : null, from: 'gate' }
  return { name, value: generatedFields.has(name) ? null : value, from: 'gate' }
}

function claimsOf(assertion: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(assertion.split('.')[1]!, 'base64url').toString())
}

import type { Exchange } from '../pipeline/exchange.ts'
import { FieldKind, kindOfField } from '../pipeline/field-kind.ts'
import type { UpstreamRequest } from '../upstream/target.ts'

/** A field of the request that the service would receive. */
export interface ShownField {
  readonly name: string
  /** `null` where it is not shown: what the client sent may be a secret, and some are made anew each time. */
  readonly value: string | null
  readonly from: 'gate' | 'client'
}

export interface ServiceView {
  readonly upstreams: readonly string[]
  readonly method: string
  /** In normal form, rewritten where the route says so. The query goes along as it came, and is not shown. */
  readonly path: string
  readonly query: 'as sent' | null
  readonly fields: readonly ShownField[]
  /** Claims of the identity assertion, unsigned. */
  readonly assertion: Readonly<Record<string, unknown>> | null
}

const assertionField = 'x-gatehouse-jwt-assertion'
/** Made for each exchange, unless the client's is continued. */
const madeAnew = new Set(['x-request-id', 'traceparent', assertionField])
/** What the gate lets through as the client said it. Fields of any other kind are made by the gate. */
const travelling: ReadonlySet<FieldKind | undefined> = new Set([
  FieldKind.ordinary,
  FieldKind.contentType,
  FieldKind.origin,
  FieldKind.cookie,
  FieldKind.tracestate,
  FieldKind.baggage,
  FieldKind.clientCert,
])

/** @param request  as it would have been sent for the exchange */
export function serviceView(x: Exchange, request: UpstreamRequest): ServiceView {
  const fields: ShownField[] = []
  let assertion: ServiceView['assertion'] = null
  for (let i = 0; i < request.fields.length; i += 2) {
    const [name, value] = [request.fields[i]!, request.fields[i + 1]!]
    fields.push(shown(x, name, value))
    if (name === assertionField) assertion = claimsOf(value)
  }
  const { hostHeader, upstreams } = x.route!.service
  // Whoever calls the upstream names it as the host when the request does not.
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
  if (travelling.has(kindOfField(name))) return { name, value: null, from: 'client' }
  const continued =
    name === 'authorization' ||
    (name === 'traceparent' && value === head.traceparent) ||
    (name === 'x-request-id' && id === head.requestId)
  if (continued) return { name, value: null, from: 'client' }
  if (name === 'via') return { name, value: head.via === undefined ? value : null, from: 'gate' }
  return { name, value: madeAnew.has(name) ? null : value, from: 'gate' }
}

function claimsOf(assertion: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(assertion.split('.')[1]!, 'base64url').toString())
}

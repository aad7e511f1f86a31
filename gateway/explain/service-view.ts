import type { Exchange } from '../pipeline/exchange/exchange.ts'
import { FieldKind, kindOfField } from '../pipeline/exchange/field-kind.ts'
import type { UpstreamRequest } from '../upstream/target.ts'

/** A header field of the explained request that the service would receive. */
export interface ShownField {
  readonly name: string
  /**
   * Value of the field. `null`: the value is not shown, because it comes from the client and can be a secret, or
   * because the gate generates it for each exchange.
   */
  readonly value: string | null
  readonly from: 'gate' | 'client'
}

export interface ServiceView {
  readonly upstreams: readonly string[]
  /** Kind of credential that the service receives, and the name of its header field. The value is never shown. */
  readonly credential: { readonly type: string; readonly field: string | null }
  readonly method: string
  /**
   * Path that the service receives: normalized, and rewritten as the route says. The query is not shown; the gate
   * forwards it unchanged.
   */
  readonly path: string
  readonly query: 'as sent' | null
  readonly fields: readonly ShownField[]
  /** Claims of the identity assertion without its signature; `null` when the service gets no assertion. */
  readonly assertion: Readonly<Record<string, unknown>> | null
}

const assertionField = 'x-gatehouse-jwt-assertion'
/** Header fields whose value the gate generates for each exchange, unless it forwards the value of the client. */
const generatedFields = new Set(['x-request-id', 'traceparent', assertionField])
/**
 * Kinds of header fields that the gate forwards unchanged from the client. The gate sets the fields of all other kinds
 * itself.
 */
const forwardedKinds: ReadonlySet<FieldKind | undefined> = new Set([
  FieldKind.ordinary,
  FieldKind.contentType,
  FieldKind.origin,
  FieldKind.cookie,
  FieldKind.tracestate,
  FieldKind.baggage,
  FieldKind.clientCert,
])

/**
 * Describes the request that the service would receive.
 *
 * @param request  the request that the dry run would have sent to the service
 */
export function serviceView(x: Exchange, request: UpstreamRequest): ServiceView {
  const fields: ShownField[] = []
  let assertion: ServiceView['assertion'] = null
  for (let i = 0; i < request.fields.length; i += 2) {
    const [name, value] = [request.fields[i]!, request.fields[i + 1]!]
    fields.push(shown(x, name, value))
    if (name === assertionField) assertion = claimsOf(value)
  }
  const { credential, service } = x.route!
  const { hostHeader, upstreams } = service
  // Show the host of the upstream as `Host`: the recorded request has no `Host` yet, because the gate adds it when it
  // sends a request.
  if (hostHeader === 'upstream') fields.push({ name: 'host', value: upstreams[0]!.host, from: 'gate' })
  const [path = '', ...query] = request.target.split('?')
  return {
    upstreams: upstreams.map(({ origin }) => origin),
    credential: { type: credential.type, field: credential.field ?? null },
    method: request.method,
    path,
    query: query.length === 0 ? null : 'as sent',
    fields,
    assertion,
  }
}

function shown({ head, id, route }: Exchange, name: string, value: string): ShownField {
  const { field, type } = route!.credential
  if (name === field) return { name, value: null, from: type === 'token' ? 'client' : 'gate' }
  const isStated = route!.service.identityFields.some((stated) => stated.name === name)
  if (!isStated && forwardedKinds.has(kindOfField(name))) return { name, value: null, from: 'client' }
  const continued =
    (name === 'traceparent' && value === head.traceparent) || (name === 'x-request-id' && id === head.requestId)
  if (continued) return { name, value: null, from: 'client' }
  if (name === 'via') return { name, value: head.via === undefined ? value : null, from: 'gate' }
  return { name, value: generatedFields.has(name) ? null : value, from: 'gate' }
}

function claimsOf(assertion: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(assertion.split('.')[1]!, 'base64url').toString())
}

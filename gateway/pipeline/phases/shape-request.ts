import { addressText } from '../client-address/address-text.ts'
import type { Selected, Shaped } from '../exchange/exchange.ts'
import { FieldKind, foldedName } from '../exchange/field-kind.ts'
import { phase } from '../exchange/phase.ts'
import { keepsBaggage, keepsTracestate } from '../exchange/trace-context.ts'
import { statedIdentity } from '../forward-auth/stated-identity.ts'
import { withoutOwnCookies } from '../identity/cookie-field.ts'

/** Largest `Max-Forwards` that is sent to a service (RFC 9110 §7.6.2). */
const MAX_FORWARDS = 2 ** 31 - 1

const via = { '1.1': '1.1 gatehouse', '2': '2 gatehouse' } as const

/**
 * Builds the header fields that the service receives. First removes all fields that the client is not allowed to send,
 * then adds the gate's fields. The order matters: a client can name any field in `Connection` (CVE-2026-33805).
 *
 * Synchronous.
 */
export const shapeRequest = phase<Selected, Shaped>()({
  name: 'shape-request',
  waits: false,
  denies: [],
  run(x) {
    const fields = forwardedFields(x)
    addGateFields(x, fields)
    x.requestFields = fields
    addIdentity(x, fields)
    return undefined
  },
})

/** Selects the client's fields that are forwarded to the service. */
function forwardedFields(x: Selected): string[] {
  const { head } = x
  const { names, values, kinds, connectionNames } = head
  const { passHeaders, credentialFields } = x.route.service
  const fields = ['traceparent', x.traceparent]
  let tracestate: string | undefined
  let baggage: string | undefined
  let cookie: string | undefined
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    if (connectionNames?.has(name)) continue
    const value = values[i]!
    switch (kinds[i]) {
      case FieldKind.ordinary:
        if (credentialFields?.has(foldedName(name))) continue
        break
      case FieldKind.contentType:
      case FieldKind.origin:
        break
      case FieldKind.dropped:
        if (passHeaders?.has(name) !== true) continue
        break
      case FieldKind.maxForwards:
        if (head.maxForwards === undefined) break
        fields.push(name, String(Math.min(head.maxForwards - 1, MAX_FORWARDS)))
        continue
      case FieldKind.tracestate:
        tracestate = joined(tracestate, ',', value)
        continue
      case FieldKind.baggage:
        baggage = joined(baggage, ',', value)
        continue
      case FieldKind.clientCert:
        if (!x.peerTrusted || !forwardsClientCert(x)) continue
        break
      case FieldKind.cookie:
        cookie = joined(cookie, '; ', value)
        continue
      default:
        continue
    }
    fields.push(name, latin1(value))
  }
  // Join several `tracestate` fields first, which form one list (RFC 9110 §5.3), so that the limit applies to the whole
  // list.
  if (tracestate !== undefined && x.continuesTrace && keepsTracestate(tracestate))
    fields.push('tracestate', latin1(tracestate))
  if (baggage !== undefined && x.route.service.trustTrace && keepsBaggage(baggage))
    fields.push('baggage', latin1(baggage))
  if (cookie !== undefined) {
    const others = withoutOwnCookies(cookie)
    if (others !== '' || cookie === '') fields.push('cookie', latin1(others))
  }
  return fields
}

/**
 * Whether the service receives `Client-Cert` of a trusted proxy. False if the gate reads client certificates from
 * another field.
 */
function forwardsClientCert({ gate }: Selected): boolean {
  const field = gate.clientCertificates?.field
  return field === undefined || field === 'client-cert'
}

function joined(list: string | undefined, separator: string, value: string): string {
  return list === undefined ? value : list + separator + value
}

/** Adds the gate's own fields about the client and the gate (RFC 7239, RFC 9110 §7.6.3). */
function addGateFields(x: Selected, fields: string[]): void {
  const { head } = x
  const address = addressText(x.address)
  const host = x.forwardedHost ?? head.host
  fields.push(
    'x-request-id',
    x.id,
    'x-forwarded-for',
    x.forwardedFor === '' ? address : x.forwardedFor,
    'x-forwarded-host',
    host,
    'x-forwarded-proto',
    x.proto,
    'forwarded',
    `for=${address.includes(':') ? `"[${address}]"` : address};host="${host}";proto=${x.proto}`,
    'via',
    head.via === undefined ? via[head.version] : `${latin1(head.via)}, ${via[head.version]}`,
  )
  const { rewrite } = x.route
  if (rewrite !== undefined && rewrite.stripPrefix !== '') fields.push('x-forwarded-prefix', rewrite.stripPrefix)
  if (x.route.service.hostHeader === 'preserve') fields.push('host', head.host)
  if (head.contentLength !== undefined) fields.push('content-length', String(head.contentLength))
  if (head.grpc) fields.push('te', 'trailers')
}

/** Adds the identity of the caller, and the credential that `obtain-credential` has made for the service. */
function addIdentity({ facts, route, upstreamCredential }: Selected, fields: string[]): void {
  const { identityFields } = route.service
  if (facts !== undefined && identityFields.length > 0) {
    for (const [name, value] of statedIdentity(facts, identityFields)) fields.push(name, latin1(value))
  }
  if (upstreamCredential !== undefined) fields.push(route.credential.field!, upstreamCredential)
}

/**
 * Converts a request field value for sending. The listener decoded the value as UTF-8; with this conversion the service
 * receives the original bytes.
 */
function latin1(value: string): string {
  return aboveAscii.test(value) ? Buffer.from(value).toString('latin1') : value
}

const aboveAscii = /[^\x00-\x7f]/

import { statementFields, statementPrefixes } from '../../base/statement-fields.ts'

/** Kinds of request fields, by how the gate treats them. The order has no meaning; numbers keep the hot loop fast. */
export const FieldKind = {
  /** Kind of a field that the gate forwards unchanged. The field may occur several times. */
  ordinary: 0,
  /**
   * Kind of a field that is not forwarded: a hop-by-hop field, or a field that only the gate or a listed proxy is
   * allowed to set. A service can receive some fields of the second group by listing them in `pass_headers`.
   */
  dropped: 1,
  host: 2,
  contentLength: 3,
  transferEncoding: 4,
  contentType: 5,
  expect: 6,
  upgrade: 7,
  origin: 8,
  authorization: 9,
  dpop: 10,
  connection: 11,
  trailer: 12,
  requestId: 13,
  traceparent: 14,
  tracestate: 15,
  baggage: 16,
  via: 17,
  /**
   * Kind of a field that is an alias of Content-Length or Transfer-Encoding, such as `content_length`. Some services
   * might accept the alias.
   */
  framingAlias: 18,
  /**
   * Kind of the field `Cookie`. It may repeat in the request, and is forwarded as one field. RFC 6265 §5.4 allows one
   * `Cookie` field, and the list syntax of RFC 9110 §5.3 does not apply.
   */
  cookie: 19,
  /**
   * Kind of the fields with the client certificate as stated by a proxy (RFC 9440). They are forwarded only from a
   * listed proxy.
   */
  clientCert: 20,
  /**
   * Kind of the field `Max-Forwards`. On an OPTIONS request, the gate lowers the value by one (RFC 9110 §7.6.2). With
   * other methods the gate forwards the field unchanged.
   */
  maxForwards: 21,
  /**
   * Kind of the fields of the WebSocket handshake (RFC 6455 §11.3). Not forwarded: the gate makes its own handshake
   * with the service.
   */
  webSocket: 22,
} as const

export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind]

/**
 * Matches prefixes of fields that only the gate or a listed proxy is allowed to set. In one regular expression, the
 * first letters rule out most names.
 */
const statementPrefix = new RegExp(`^(?:${statementPrefixes.join('|')})`)

const statements: ReadonlySet<string> = new Set(statementFields)

/**
 * Names of hop-by-hop fields, and `proxy`, which are not forwarded. CGI turns `Proxy` into HTTP_PROXY, from which HTTP
 * libraries read the proxy to use (CVE-2016-5385).
 */
const hopByHop = new Set(['keep-alive', 'te', 'http2-settings', 'proxy'])

const named = new Map<string, FieldKind>([
  ['host', FieldKind.host],
  ['content-length', FieldKind.contentLength],
  ['transfer-encoding', FieldKind.transferEncoding],
  ['content-type', FieldKind.contentType],
  ['expect', FieldKind.expect],
  ['upgrade', FieldKind.upgrade],
  ['origin', FieldKind.origin],
  ['authorization', FieldKind.authorization],
  ['dpop', FieldKind.dpop],
  ['connection', FieldKind.connection],
  ['trailer', FieldKind.trailer],
  ['x-request-id', FieldKind.requestId],
  ['traceparent', FieldKind.traceparent],
  ['tracestate', FieldKind.tracestate],
  ['baggage', FieldKind.baggage],
  ['via', FieldKind.via],
  ['cookie', FieldKind.cookie],
  ['client-cert', FieldKind.clientCert],
  ['client-cert-chain', FieldKind.clientCert],
  ['max-forwards', FieldKind.maxForwards],
  ['sec-websocket-key', FieldKind.webSocket],
  ['sec-websocket-version', FieldKind.webSocket],
  ['sec-websocket-protocol', FieldKind.webSocket],
  ['sec-websocket-extensions', FieldKind.webSocket],
])

// Syntax of a field name: 1*tchar (RFC 9110 §5.6.2). uWebSockets.js has already lower-cased the name.
const tokenName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const plainName = /^[0-9a-z-]+$/

/**
 * Classifies a field by its name, including aliases. Services with CGI or WSGI conventions read `x_real_ip`,
 * `X.Real.IP` and `X-Real-IP` as one variable.
 *
 * @param name  field name in lower case
 * @returns `undefined` when the name is not a valid field name (RFC 9110 §5.6.2)
 */
export function kindOfField(name: string): FieldKind | undefined {
  if (common(name)) return FieldKind.ordinary
  const known = named.get(name)
  if (known !== undefined) return known
  if (plainName.test(name)) return isDropped(name) ? FieldKind.dropped : FieldKind.ordinary
  if (!tokenName.test(name)) return undefined
  const folded = foldedName(name)
  const imitated = named.get(folded)
  if (imitated === FieldKind.contentLength || imitated === FieldKind.transferEncoding) return FieldKind.framingAlias
  if (isDropped(folded) || folded === 'x-request-id') return FieldKind.dropped
  return FieldKind.ordinary
}

/** Replaces every character that services with CGI conventions read as `_`, so that aliases become one name. */
export function foldedName(name: string): string {
  return name.replaceAll(/[^0-9a-z]/g, '-')
}

function isDropped(name: string): boolean {
  return hopByHop.has(name) || statements.has(name) || statementPrefix.test(name) || name.startsWith('sec-websocket-')
}

/**
 * Whether a name is one of the common ordinary fields. Comparing the length first saves two hash look-ups for most
 * fields.
 */
function common(name: string): boolean {
  switch (name.length) {
    case 3:
      return name === 'dnt'
    case 5:
      return name === 'range'
    case 6:
      return name === 'accept' || name === 'pragma'
    case 7:
      return name === 'referer'
    case 10:
      return name === 'user-agent'
    case 13:
      return name === 'cache-control' || name === 'if-none-match'
    case 14:
      return (
        name === 'sec-fetch-dest' || name === 'sec-fetch-mode' || name === 'sec-fetch-site' || name === 'accept-charset'
      )
    case 15:
      return name === 'accept-encoding' || name === 'accept-language'
    default:
      return false
  }
}

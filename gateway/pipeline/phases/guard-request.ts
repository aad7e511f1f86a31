import { type Denial, denial } from '../../base/denial.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import { normalizePath, pathReasons } from '../../policy/path-form.ts'
import type { Exchange, Guarded } from '../exchange/exchange.ts'
import { FieldKind, kindOfField } from '../exchange/field-kind.ts'
import { readGrpcTimeout } from '../exchange/grpc-timeout.ts'
import { isGrpcType } from '../exchange/grpc-type.ts'
import { hostName, isHost } from '../exchange/host.ts'
import { phase } from '../exchange/phase.ts'
import type { RequestHead } from '../exchange/request-head.ts'
import { nextRequestId, wellFormedRequestId } from '../exchange/request-id.ts'
import { guardLine, requestLineReasons } from '../exchange/request-line.ts'
import { headTooLarge, tooManyFields } from '../exchange/size-denials.ts'
import { readHandshake } from '../exchange/websocket-handshake.ts'
import type { RequestLimits } from '../gate.ts'

const refusals = {
  connectionMembers: denial('connection-members'),
  tooManyCookies: denial('too-many-cookies'),
  fieldName: denial('field-name'),
  fieldValue: denial('field-value'),
  fieldRepeated: denial('field-repeated'),
  framingAlias: denial('field-framing-alias'),
  credentialRepeated: denial('credential-repeated'),
  hostMalformed: denial('host-malformed'),
  framingLength: denial('framing-length'),
  framingEncoding: denial('framing-encoding'),
  framingBoth: denial('framing-both'),
  trailerAnnounced: denial('trailer-announced'),
  maxForwardsMalformed: denial('max-forwards-malformed'),
  expectationUnknown: denial('expectation-unknown'),
  upgradeUnsupported: denial('upgrade-unsupported'),
  grpcUnsupported: denial('grpc-unsupported', {
    detail: 'gRPC needs POST over HTTP/2: send it to the port of listen_h2',
  }),
  grpcWebUnsupported: denial('grpc-web-unsupported', {
    detail: 'the gate does not translate gRPC-Web: send gRPC, or send gRPC-Web to the port of listen',
  }),
  grpcTimeout: denial('grpc-timeout-malformed'),
}

type FieldDenial = (typeof refusals)[keyof typeof refusals] | Denial<'head-too-large' | 'fields-too-many'>

/**
 * Matches characters that no field value may contain. U+FFFD stands for a byte that the listener could not decode. The
 * listener itself rejects control characters other than tab, but not 0x7f.
 */
const brokenText = /[\ufffd\x7f\x00-\x08\x0a-\x1f]/
/**
 * Matches a character outside printable ASCII and tab, for fields that the gate interprets. The listener silently trims
 * bytes above 0x7f from both ends of a value.
 */
const notAscii = /[^\t\x20-\x7e]/
/**
 * Bit set of the field kinds whose values must be ASCII. `Host`, framing fields, `Expect` and `Max-Forwards` have a
 * stricter syntax and their own reasons.
 */
const ASCII_KINDS =
  (1 << FieldKind.connection) | (1 << FieldKind.origin) | (1 << FieldKind.upgrade) | (1 << FieldKind.dpop)
/**
 * Maximum number of members in all `Connection` fields of a request, empty members included. The limit bounds the set
 * of names that the gate builds.
 */
const CONNECTION_MEMBERS_MAX = 32
/**
 * Maximum number of cookies in all `Cookie` fields of a request, empty cookies included. Browsers keep at most 180
 * (Chromium) for a site.
 */
const COOKIES_MAX = 256
/** Matches `chunked` in any case. `toLowerCase` is not used, because it also turns U+212A into an ASCII k. */
const chunked = /^chunked$/i
const decimal = /^(?:0|[1-9][0-9]{0,15})$/
const digits = /^[0-9]+$/
const grpcWeb = /^application\/grpc-web/i

/**
 * Admits only requests that all HTTP implementations parse alike: framing, field names, Host, and the path's normal
 * form. A refusal by this phase closes the connection, because the next bytes on it may be part of a smuggled request.
 *
 * uWebSockets.js accepts repeated, empty and padded Content-Length, any Transfer-Encoding, any method and Host, and
 * bytes above 0x7f. This phase reads the fields once and stores the kind of each field in `head.kinds`, so that later
 * phases need not compare names again.
 */
export const guardRequest = phase<Exchange, Guarded>()({
  name: 'guard-request',
  waits: false,
  denies: [
    ...requestLineReasons,
    'fields-too-many',
    'field-name',
    'field-value',
    'field-framing-alias',
    'field-repeated',
    'too-many-cookies',
    'connection-members',
    'head-too-large',
    'credential-repeated',
    'host-malformed',
    'framing-length',
    'framing-encoding',
    'framing-both',
    'trailer-announced',
    'max-forwards-malformed',
    'expectation-unknown',
    'upgrade-malformed',
    'upgrade-version',
    'upgrade-unsupported',
    'grpc-unsupported',
    'grpc-web-unsupported',
    'grpc-timeout-malformed',
    ...pathReasons,
  ],
  run(x) {
    const { head } = x
    x.id = nextRequestId()
    const { limits } = x.gate
    const refused =
      guardLine(head, limits) ?? guardFields(head, limits) ?? guardFraming(head) ?? guardUpgrade(x) ?? guardGrpc(x)
    if (refused !== undefined) {
      // Close the connection after a refusal for any reason, because the fields after the refused field were not
      // checked.
      x.close = true
      return refused
    }
    if (head.connectionNames !== undefined) ignoreHopByHop(head, head.connectionNames)
    if (head.requestId !== undefined && wellFormedRequestId(head.requestId)) x.id = head.requestId
    // Close the connection after a handshake that is not accepted: a proxy in front may already treat it as a tunnel.
    x.close = head.close || head.chunked || head.upgrade

    const path = isAsterisk(head) ? head.target : normalizePath(head.target)
    if (typeof path !== 'string') return path
    x.path = path
    x.authority = head.host
    x.host = hostName(head.host)
    return undefined
  },
})

/** Whether the request is `OPTIONS *` (RFC 9110 §9.3.7), which `answer-reserved` answers. Only HTTP/2 delivers it. */
function isAsterisk({ method, target, query }: RequestHead): boolean {
  return target === '*' && method === 'OPTIONS' && query === undefined
}

function guardFields(head: RequestHead, limits: RequestLimits): FieldDenial | undefined {
  const { names, values, kinds } = head
  if (names.length > limits.fieldsMax) return tooManyFields(limits.fieldsMax, names.length)
  let bytes = head.target.length + (head.query?.length ?? 0)
  let seen = 0
  let members = 0
  let cookies = 0
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    const value = values[i]!
    bytes += name.length + value.length + 4
    const kind = kindOfField(name)
    if (kind === undefined) return refusals.fieldName
    // Skip the value of `Authorization`, which a later phase parses strictly and never forwards unparsed: a second scan
    // of its value would be the largest cost in this loop.
    const flaw = (ASCII_KINDS & (1 << kind)) === 0 ? brokenText : notAscii
    if (kind !== FieldKind.authorization && flaw.test(value)) return refusals.fieldValue
    kinds.push(kind)
    if (kind === FieldKind.ordinary || kind === FieldKind.dropped) continue
    if (kind === FieldKind.framingAlias) return refusals.framingAlias
    if (kind === FieldKind.cookie) {
      cookies += partsOf(value, ';', COOKIES_MAX)
      if (cookies > COOKIES_MAX) return refusals.tooManyCookies
      continue
    }
    if (kind === FieldKind.connection) {
      members += partsOf(value, ',', CONNECTION_MEMBERS_MAX)
      if (members > CONNECTION_MEMBERS_MAX) return refusals.connectionMembers
    }
    const repeated = (seen & (1 << kind)) !== 0
    seen |= 1 << kind
    const refused = guardField(head, kind, value, repeated)
    if (refused !== undefined) return refused
  }
  if (bytes * CHARACTER_MAX_BYTES > limits.headMaxBytes) {
    const exact = headBytes(head)
    if (exact > limits.headMaxBytes) return headTooLarge(limits.headMaxBytes, exact)
  }
  return isHost(head.host) ? undefined : refusals.hostMalformed
}

/** Returns the number of parts of a field value between separators; stops counting above `max`. Allocates nothing. */
function partsOf(value: string, separator: string, max: number): number {
  let parts = 1
  for (let at = value.indexOf(separator); at >= 0 && parts <= max; at = value.indexOf(separator, at + 1)) parts++
  return parts
}

/**
 * Maximum number of UTF-8 bytes for one UTF-16 code unit. The exact byte count of a head is computed only if this upper
 * bound exceeds the limit.
 */
const CHARACTER_MAX_BYTES = 3

function headBytes({ target, query, names, values }: RequestHead): number {
  const text = [target, query ?? '', ...names, ...values].join('')
  return Buffer.byteLength(text) + names.length * 4
}

/**
 * Parses the fields that the gate interprets. `Connection` may repeat. A repeated request id or `traceparent` is
 * ignored.
 */
function guardField(head: RequestHead, kind: FieldKind, value: string, repeated: boolean): FieldDenial | undefined {
  switch (kind) {
    case FieldKind.connection:
      readConnection(head, value)
      return undefined
    case FieldKind.requestId:
      head.requestId = repeated ? undefined : value
      return undefined
    case FieldKind.traceparent:
      head.traceparent = repeated ? undefined : value
      return undefined
    case FieldKind.via:
      head.via = repeated ? `${head.via}, ${value}` : value
      return undefined
    case FieldKind.tracestate:
    case FieldKind.baggage:
    case FieldKind.clientCert:
    case FieldKind.webSocket:
      return undefined
    case FieldKind.maxForwards:
      return head.method === 'OPTIONS' ? readMaxForwards(head, value, repeated) : undefined
    case FieldKind.trailer:
      return refusals.trailerAnnounced
    case FieldKind.authorization:
      if (repeated) return refusals.credentialRepeated
      head.authorization = value
      return undefined
    case FieldKind.dpop:
      head.dpop = value
      return repeated ? refusals.credentialRepeated : undefined
  }
  if (repeated) return refusals.fieldRepeated
  switch (kind) {
    case FieldKind.host:
      head.host = value
      return undefined
    case FieldKind.contentLength:
      if (!decimal.test(value) || !Number.isSafeInteger(Number(value))) return refusals.framingLength
      head.contentLength = Number(value)
      return undefined
    case FieldKind.transferEncoding:
      if (!chunked.test(value)) return refusals.framingEncoding
      head.chunked = true
      return undefined
    case FieldKind.contentType:
      head.grpc = isGrpcType(value)
      head.grpcWeb = grpcWeb.test(value)
      return undefined
    case FieldKind.expect:
      return value.toLowerCase() === '100-continue' ? undefined : refusals.expectationUnknown
    case FieldKind.upgrade:
      head.upgrade = value.toLowerCase() === 'websocket'
      return undefined
  }
  return undefined
}

/**
 * Validates the handshake of a request with `Upgrade: websocket`. Refuses such a request on a forward-auth check path.
 */
function guardUpgrade({
  head,
  checkPath,
}: Exchange): Denial<'upgrade-unsupported' | 'upgrade-malformed' | 'upgrade-version'> | undefined {
  if (!head.upgrade) return undefined
  if (checkPath !== undefined) return refusals.upgradeUnsupported
  const read = readHandshake(head)
  if ('reason' in read) return read
  head.handshake = read
  return undefined
}

/**
 * Refuses gRPC over HTTP/1.1 (which has no trailers), gRPC with a method other than POST, and the content type of gRPC
 * on a forward-auth check over HTTP. Refuses gRPC-Web over HTTP/2, except in a forward-auth check, whose request the
 * proxy forwards. Also reads the timeout of a gRPC call.
 */
function guardGrpc(x: Exchange): GrpcDenial | undefined {
  const { head, checkPath } = x
  if (head.grpcWeb && head.version === '2' && checkPath === undefined) return refusals.grpcWebUnsupported
  if (!head.grpc || (head.version === '2' && mayBeGrpc(x))) return head.grpc ? readTimeout(head) : undefined
  head.grpc = false
  return refusals.grpcUnsupported
}

type GrpcDenial = Denial<'grpc-unsupported' | 'grpc-web-unsupported' | 'grpc-timeout-malformed'>

/** Whether a request over HTTP/2 may have the content type of gRPC: a POST, or an ext_authz check about any request. */
function mayBeGrpc({ head, checkPath, asked }: Exchange): boolean {
  return asked !== undefined || (checkPath === undefined && head.method === 'POST')
}

function readTimeout(head: RequestHead): typeof refusals.grpcTimeout | undefined {
  const value = head.joined('grpc-timeout')
  if (value === undefined) return undefined
  head.grpcTimeoutMs = readGrpcTimeout(value)
  return head.grpcTimeoutMs === undefined ? refusals.grpcTimeout : undefined
}

function guardFraming(head: RequestHead): FieldDenial | undefined {
  return head.chunked && head.contentLength !== undefined ? refusals.framingBoth : undefined
}

/**
 * Reads `Max-Forwards` of an OPTIONS request (RFC 9110 §7.6.2). Other methods ignore the field, and the gate refuses
 * TRACE.
 */
function readMaxForwards(head: RequestHead, value: string, repeated: boolean): FieldDenial | undefined {
  if (repeated || !digits.test(value)) return refusals.maxForwardsMalformed
  head.maxForwards = Number(value)
  return undefined
}

/**
 * Reads `Connection`. The fields that `Connection` names are for this hop only and are not forwarded (RFC 9110 §7.6.1).
 */
function readConnection(head: RequestHead, value: string): void {
  for (const part of value.split(',')) {
    const option = trimOptionalWhitespace(part).toLowerCase()
    if (option === 'close') head.close = true
    else if (option !== '' && option !== 'keep-alive') {
      head.connectionNames ??= new Set()
      head.connectionNames.add(option)
    }
  }
}

/** Drops the client's request id, trace or `Via` if its `Connection` field names that field as hop-by-hop. */
function ignoreHopByHop(head: RequestHead, names: ReadonlySet<string>): void {
  if (names.has('x-request-id')) head.requestId = undefined
  if (names.has('traceparent')) head.traceparent = undefined
  if (names.has('via')) head.via = undefined
}

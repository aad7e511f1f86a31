import { type Denial, denial } from '../../base/denial.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import { normalizePath } from '../../policy/path-form.ts'
import type { Exchange, Guarded } from '../exchange.ts'
import { FieldKind, kindOfField } from '../field-kind.ts'
import type { RequestLimits } from '../gate.ts'
import { hostName, isHost } from '../host.ts'
import type { Phase } from '../phase.ts'
import type { RequestHead } from '../request-head.ts'
import { nextRequestId, wellFormedRequestId } from '../request-id.ts'
import { guardLine } from '../request-line.ts'

const refusals = {
  headTooLarge: denial('head-too-large'),
  fieldsTooMany: denial('fields-too-many'),
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
  grpcUnsupported: denial('grpc-unsupported'),
}

/** U+FFFD: the listener could not decode the byte. Controls other than tab it refuses by itself, 0x7f it does not. */
const brokenText = /[\ufffd\x7f\x00-\x08\x0a-\x1f]/
/** For fields that the gate itself reads. The listener removes bytes above 0x7f from their ends without a trace. */
const notAscii = /[^\t\x20-\x7e]/
/** Bits by kind. `Host`, framing fields, `Expect` and `Max-Forwards` have a stricter syntax and reasons of their own. */
const ASCII_KINDS =
  (1 << FieldKind.connection) | (1 << FieldKind.origin) | (1 << FieldKind.upgrade) | (1 << FieldKind.dpop)
/** Members of `Connection` in all its lines, empty ones included: each becomes an entry of a set. */
const CONNECTION_MEMBERS_MAX = 32
/** Cookies of a request in all its lines, empty ones included. Browsers keep 180 (Chromium) or fewer for a site. */
const COOKIES_MAX = 256
/** In ASCII: `toLowerCase` makes a k of U+212A too. */
const chunked = /^chunked$/i
const decimal = /^(?:0|[1-9][0-9]{0,15})$/
const digits = /^[0-9]+$/
const grpc = /^application\/grpc(?:[+;]|$)/i

/**
 * Admits only what every HTTP implementation reads alike: framing, field names, Host, and the path in its one normal
 * form. What is refused here closes its connection, since what follows on it may not be what it seems.
 *
 * uWebSockets.js lets through: repeated, empty and padded Content-Length, any Transfer-Encoding, any method and Host,
 * bytes above 0x7f. Reads the fields once; later phases use `head.kinds`.
 */
export const guardRequest: Phase<Exchange, Guarded> = {
  name: 'guard-request',
  waits: false,
  run(x) {
    const { head } = x
    x.id = nextRequestId()
    const refused = guardLine(head, x.gate.limits) ?? guardFields(head, x.gate.limits) ?? guardFraming(head)
    if (refused !== undefined) {
      // Also where the reason alone would not: fields behind the one that was refused were never looked at.
      x.close = true
      return refused
    }
    if (head.connectionNames !== undefined) forgetNamed(head, head.connectionNames)
    if (head.requestId !== undefined && wellFormedRequestId(head.requestId)) x.id = head.requestId
    x.close = head.close || head.chunked

    const path = normalizePath(head.target)
    if (typeof path !== 'string') return path
    x.path = path
    x.authority = head.host
    x.host = hostName(head.host)
    return undefined
  },
}

function guardFields(head: RequestHead, limits: RequestLimits): Denial | undefined {
  const { names, values, kinds } = head
  if (names.length > limits.fieldsMax) return refusals.fieldsTooMany
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
    // The token is read strictly later on, and never travels unread; looking through it twice would be the largest cost here.
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
  if (bytes * CHARACTER_MAX_BYTES > limits.headMaxBytes && headBytes(head) > limits.headMaxBytes) {
    return refusals.headTooLarge
  }
  return isHost(head.host) ? undefined : refusals.hostMalformed
}

/** Number of parts between separators; stops counting once there are more than `max`. Allocates nothing. */
function partsOf(value: string, separator: string, max: number): number {
  let parts = 1
  for (let at = value.indexOf(separator); at >= 0 && parts <= max; at = value.indexOf(separator, at + 1)) parts++
  return parts
}

/** In UTF-8, of a UTF-16 unit: while the characters alone are far from the limit, nobody needs to know the bytes. */
const CHARACTER_MAX_BYTES = 3

function headBytes({ target, query, names, values }: RequestHead): number {
  const text = [target, query ?? '', ...names, ...values].join('')
  return Buffer.byteLength(text) + names.length * 4
}

/** Reads the fields that mean something to the gate. `Connection` may repeat; two request ids or traces count as none. */
function guardField(head: RequestHead, kind: FieldKind, value: string, repeated: boolean): Denial | undefined {
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
      return grpc.test(value) ? refusals.grpcUnsupported : undefined
    case FieldKind.expect:
      return value.toLowerCase() === '100-continue' ? undefined : refusals.expectationUnknown
    case FieldKind.upgrade:
      return value.toLowerCase() === 'websocket' ? refusals.upgradeUnsupported : undefined
  }
  return undefined
}

function guardFraming(head: RequestHead): Denial | undefined {
  return head.chunked && head.contentLength !== undefined ? refusals.framingBoth : undefined
}

/** RFC 9110 §7.6.2: checked for OPTIONS, ignored for other methods; TRACE is refused. */
function readMaxForwards(head: RequestHead, value: string, repeated: boolean): Denial | undefined {
  if (repeated || !digits.test(value)) return refusals.maxForwardsMalformed
  head.maxForwards = Number(value)
  return undefined
}

/** RFC 9110 §7.6.1: what `Connection` names is for this hop alone. */
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

/** What the gate would continue is not continued when the client meant it for this hop alone. */
function forgetNamed(head: RequestHead, names: ReadonlySet<string>): void {
  if (names.has('x-request-id')) head.requestId = undefined
  if (names.has('traceparent')) head.traceparent = undefined
  if (names.has('via')) head.via = undefined
}

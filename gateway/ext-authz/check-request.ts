import { MalformedMessage, ProtobufReader } from './protobuf-reader.ts'

/**
 * Most header fields that are read from a message. A message with more has also more than `request.fields_max` allows,
 * so that the request is refused.
 */
const FIELDS_MAX = 256

/**
 * The parts of an `envoy.service.auth.v3.CheckRequest` that the gate uses. A text is `''` when the message does not have
 * it, as in proto3.
 */
export class EnvoyCheckRequest {
  /** Address of the peer that sent the request to Envoy; `''` when the peer has no IP address. */
  sourceAddress = ''
  /**
   * Certificate of the peer that sent the request to Envoy, in PEM, percent-encoded. Only with
   * `include_peer_certificate`.
   */
  certificate = ''
  method = ''
  /** Path with its query, as in the request. */
  path = ''
  host = ''
  scheme = ''
  /** Query of the request. Envoy always leaves it empty, because `path` contains the query. */
  query = ''
  fragment = ''
  /** HTTP version, such as `HTTP/2`. */
  protocol = ''
  /** Header fields in their order, pseudo-header fields of HTTP/2 included. */
  readonly names: string[] = []
  readonly values: string[] = []
  /** Which of the two forms of header fields the message has. */
  form: 'none' | 'map' | 'list' = 'none'
}

/**
 * Reads a `CheckRequest`. Unknown fields are skipped. A singular field that occurs twice is refused, although protobuf
 * would merge it: Envoy never sends one, and two programs could read it differently.
 *
 * @param start  index of the first byte of the message
 * @throws {MalformedMessage}
 */
export function readCheckRequest(bytes: Buffer, start = 0): EnvoyCheckRequest {
  const request = new EnvoyCheckRequest()
  // CheckRequest: attributes = 1.
  readFields(new ProtobufReader(bytes, start), request, (reader, field) =>
    field === 1 ? readMessage(reader, request, readAttributes) : 'unread',
  )
  return request
}

/** How a field was read. A singular field must not repeat. The value of an unread field is skipped. */
type Outcome = 'single' | 'repeated' | 'unread'

type FieldReader = (reader: ProtobufReader, field: number, request: EnvoyCheckRequest) => Outcome

function readFields(reader: ProtobufReader, request: EnvoyCheckRequest, read: FieldReader): void {
  let seen = 0
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const outcome = read(reader, field, request)
    if (outcome === 'unread') reader.skip()
    if (outcome !== 'single') continue
    if ((seen & (1 << field)) !== 0) throw new MalformedMessage(`field ${field} occurs twice`)
    seen |= 1 << field
  }
}

function readMessage(reader: ProtobufReader, request: EnvoyCheckRequest, read: FieldReader): 'single' {
  const outer = reader.enter()
  readFields(reader, request, read)
  reader.leave(outer)
  return 'single'
}

/** AttributeContext: source = 1, request = 4. */
const readAttributes: FieldReader = (reader, field, request) => {
  if (field === 1) return readMessage(reader, request, readPeer)
  return field === 4 ? readMessage(reader, request, readRequest) : 'unread'
}

/** AttributeContext.Peer: address = 1, certificate = 5. */
const readPeer: FieldReader = (reader, field, request) => {
  if (field === 1) return readMessage(reader, request, readAddress)
  if (field !== 5) return 'unread'
  request.certificate = reader.text()
  return 'single'
}

/** Address: socket_address = 1. The other kinds of address have no IP address. */
const readAddress: FieldReader = (reader, field, request) =>
  field === 1 ? readMessage(reader, request, readSocketAddress) : 'unread'

/** SocketAddress: address = 2. */
const readSocketAddress: FieldReader = (reader, field, request) => {
  if (field !== 2) return 'unread'
  request.sourceAddress = reader.text()
  return 'single'
}

/** AttributeContext.Request: http = 2. */
const readRequest: FieldReader = (reader, field, request) =>
  field === 2 ? readMessage(reader, request, readHttpRequest) : 'unread'

/** Texts of AttributeContext.HttpRequest, by the number of the field. */
const httpTexts = {
  2: 'method',
  4: 'path',
  5: 'host',
  6: 'scheme',
  7: 'query',
  8: 'fragment',
  10: 'protocol',
} as const satisfies Readonly<Record<number, keyof EnvoyCheckRequest>>

/** AttributeContext.HttpRequest: its texts, headers = 3, header_map = 13. The body is not read. */
const readHttpRequest: FieldReader = (reader, field, request) => {
  if (field === 3) {
    readHeader(reader, request, 'map')
    return 'repeated'
  }
  if (field === 13) return readMessage(reader, request, readHeaderMap)
  const name = httpTexts[field as keyof typeof httpTexts]
  if (name === undefined) return 'unread'
  request[name] = reader.text()
  return 'single'
}

/** HeaderMap: headers = 1. */
const readHeaderMap: FieldReader = (reader, field, request) => {
  if (field !== 1) return 'unread'
  readHeader(reader, request, 'list')
  return 'repeated'
}

/** An entry of the map (key = 1, value = 2), or a HeaderValue of the list (also raw_value = 3). */
function readHeader(reader: ProtobufReader, request: EnvoyCheckRequest, form: 'map' | 'list'): void {
  if (request.form !== 'none' && request.form !== form) throw new MalformedMessage('both headers and header_map')
  request.form = form
  if (request.names.length === FIELDS_MAX) {
    reader.skip()
    return
  }
  const outer = reader.enter()
  const parts: [name?: string, value?: string, rawValue?: string] = []
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field > (form === 'map' ? 2 : 3)) reader.skip()
    else if (parts[field - 1] === undefined) parts[field - 1] = reader.text()
    else throw new MalformedMessage('a part of a header field occurs twice')
  }
  reader.leave(outer)
  const [name = '', value = '', rawValue = ''] = parts
  if (value !== '' && rawValue !== '') throw new MalformedMessage('both value and raw_value')
  // Protobuf keeps the last value of a key that occurs twice in a map.
  if (form === 'map' && request.names.includes(name)) throw new MalformedMessage('a key of a map occurs twice')
  request.names.push(name)
  request.values.push(value === '' ? rawValue : value)
}

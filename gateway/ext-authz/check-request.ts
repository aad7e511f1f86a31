import { MalformedMessage, ProtobufReader } from './protobuf-reader.ts'

/**
 * Maximum number of header fields that are read from a message. The gate refuses a request with more fields, because
 * `request.fields_max` is never higher.
 */
const FIELDS_MAX = 256

/**
 * The parts of an `envoy.service.auth.v3.CheckRequest` that the gate uses. A text that the message does not contain is
 * `''`, as in proto3.
 */
export class EnvoyCheckRequest {
  /** IP address of the peer that sent the request to Envoy; `''` when the peer has no IP address. */
  sourceAddress = ''
  /**
   * Certificate of the peer that sent the request to Envoy, in PEM, percent-encoded. Envoy sends it only with its
   * setting `include_peer_certificate`; otherwise `''`.
   */
  certificate = ''
  method = ''
  /** Path of the checked request with its query, as the client sent it. */
  path = ''
  host = ''
  scheme = ''
  /** Query of the checked request. Envoy always leaves it empty, because `path` contains the query. */
  query = ''
  fragment = ''
  /** HTTP version of the checked request, such as `HTTP/2`. */
  protocol = ''
  /**
   * Names of the header fields in their order, including the pseudo-header fields of HTTP/2. `values` has the values in
   * the same order.
   *
   * @bound {@link FIELDS_MAX} fields | the check is refused | none
   */
  readonly names: string[] = []
  /**
   * Values of the header fields of the checked request, in the order of `names`.
   *
   * @bound {@link FIELDS_MAX} fields | the check is refused | none
   */
  readonly values: string[] = []
  /** Form in which the message contains the header fields: `headers` (a map) or `header_map` (a list). */
  form: 'none' | 'map' | 'list' = 'none'
}

/**
 * Reads a `CheckRequest`. Unknown fields are skipped. A message in which a singular field occurs twice is refused,
 * although protobuf allows it: Envoy never sends such a message, and two programs could read it differently.
 *
 * @param start  index of the first byte of the message
 * @throws {MalformedMessage}
 */
export function readCheckRequest(bytes: Buffer, start = 0): EnvoyCheckRequest {
  const request = new EnvoyCheckRequest()
  // Reads the message CheckRequest. Field number: attributes = 1.
  readFields(new ProtobufReader(bytes, start), request, (reader, field) =>
    field === 1 ? readMessage(reader, request, readAttributes) : 'unread',
  )
  return request
}

/**
 * How the reader of a protobuf field treated the field. `single`: a field that must not occur twice; `repeated`: a
 * field that may; `unread`: a field that the gate does not use, whose value is skipped.
 */
type Outcome = 'single' | 'repeated' | 'unread'

type FieldReader = (reader: ProtobufReader, field: number, request: EnvoyCheckRequest) => Outcome

function readFields(reader: ProtobufReader, request: EnvoyCheckRequest, read: FieldReader): void {
  let seen = 0
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const outcome = read(reader, field, request)
    if (outcome === 'unread') reader.skip()
    if (outcome !== 'single') continue
    if ((seen & (1 << field)) !== 0)
      throw new MalformedMessage(`field ${field} of a protobuf message occurs twice; it must occur at most once`)
    seen |= 1 << field
  }
}

function readMessage(reader: ProtobufReader, request: EnvoyCheckRequest, read: FieldReader): 'single' {
  const outer = reader.enter()
  readFields(reader, request, read)
  reader.leave(outer)
  return 'single'
}

/** Reads the message AttributeContext. Field numbers: source = 1, request = 4. */
const readAttributes: FieldReader = (reader, field, request) => {
  if (field === 1) return readMessage(reader, request, readPeer)
  return field === 4 ? readMessage(reader, request, readRequest) : 'unread'
}

/** Reads the message AttributeContext.Peer. Field numbers: address = 1, certificate = 5. */
const readPeer: FieldReader = (reader, field, request) => {
  if (field === 1) return readMessage(reader, request, readAddress)
  if (field !== 5) return 'unread'
  request.certificate = reader.text()
  return 'single'
}

/** Reads the message Address. Field number: socket_address = 1. The other kinds of address have no IP address. */
const readAddress: FieldReader = (reader, field, request) =>
  field === 1 ? readMessage(reader, request, readSocketAddress) : 'unread'

/** Reads the message SocketAddress. Field number: address = 2. */
const readSocketAddress: FieldReader = (reader, field, request) => {
  if (field !== 2) return 'unread'
  request.sourceAddress = reader.text()
  return 'single'
}

/** Reads the message AttributeContext.Request. Field number: http = 2. */
const readRequest: FieldReader = (reader, field, request) =>
  field === 2 ? readMessage(reader, request, readHttpRequest) : 'unread'

/** Fields of AttributeContext.HttpRequest that contain a text, by field number. */
const httpTexts = {
  2: 'method',
  4: 'path',
  5: 'host',
  6: 'scheme',
  7: 'query',
  8: 'fragment',
  10: 'protocol',
} as const satisfies Readonly<Record<number, keyof EnvoyCheckRequest>>

/**
 * Reads the message AttributeContext.HttpRequest. Field numbers: headers = 3, header_map = 13, and the texts of
 * `httpTexts`. The body is not read.
 */
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

/** Reads the message HeaderMap. Field number: headers = 1. */
const readHeaderMap: FieldReader = (reader, field, request) => {
  if (field !== 1) return 'unread'
  readHeader(reader, request, 'list')
  return 'repeated'
}

/**
 * Reads one header field of the checked request: an entry of the map `headers` (key = 1, value = 2), or a HeaderValue
 * of the list `header_map` (key = 1, value = 2, raw_value = 3).
 */
function readHeader(reader: ProtobufReader, request: EnvoyCheckRequest, form: 'map' | 'list'): void {
  if (request.form !== 'none' && request.form !== form)
    throw new MalformedMessage('the CheckRequest has both headers and header_map')
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
    else throw new MalformedMessage('a header field of the CheckRequest has its key or value twice')
  }
  reader.leave(outer)
  const [name = '', value = '', rawValue = ''] = parts
  if (value !== '' && rawValue !== '')
    throw new MalformedMessage('a header field of the CheckRequest has both value and raw_value')
  // Refuse a header name that occurs twice in the map `headers`: protobuf would keep only its last value.
  if (form === 'map' && request.names.includes(name))
    throw new MalformedMessage('the headers of the CheckRequest have the same key twice')
  request.names.push(name)
  request.values.push(value === '' ? rawValue : value)
}

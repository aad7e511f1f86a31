import type { HeaderField } from '../../gateway/base/denial.ts'

/** Request of a client, which Envoy asks the gate about. */
export interface CheckedRequest {
  readonly path: string
  readonly host: string
  /** Address of the client. */
  readonly source: string
  readonly fields: readonly HeaderField[]
}

/**
 * Encodes a call of `envoy.service.auth.v3.Authorization/Check`, as Envoy with `encode_raw_headers` sends it: the prefix
 * of gRPC and a `CheckRequest`.
 */
export function checkCall({ path, host, source, fields }: CheckedRequest): Buffer {
  const headers = [
    ...[':authority', host, ':path', path, ':method', 'GET', ':scheme', 'http'],
    ...fields.flat(),
    ...['x-forwarded-for', source, 'x-forwarded-proto', 'http', 'x-request-id', '5b0b6a4e-8f0a-9d39-a5a0-7b1f3f6e2b11'],
  ]
  const list: Buffer[] = []
  for (let i = 0; i < headers.length; i += 2) list.push(message(1, text(1, headers[i]!), text(3, headers[i + 1]!)))
  // Field numbers of HttpRequest: id 1, method 2, path 4, host 5, scheme 6, protocol 10, header_map 13.
  const http = message(
    2,
    text(1, '9347209120543612718'),
    text(2, 'GET'),
    ...[text(4, path), text(5, host), text(6, 'http'), text(10, 'HTTP/1.1'), message(13, ...list)],
  )
  // Field numbers: CheckRequest.attributes 1; in it source 1, destination 2, request 4.
  const request = message(1, message(1, address(source)), message(2, address('10.1.7.5')), message(4, http))
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(request.length, 1)
  return Buffer.concat([prefix, request])
}

/** Peer.address 1: socket_address 1: address 2. */
const address = (ip: string): Buffer => message(1, message(1, text(2, ip)))

const text = (field: number, value: string): Buffer => message(field, Buffer.from(value))

/**
 * Encodes a protobuf field that contains a message or a text.
 *
 * @param field  number of the field, at most 15
 */
function message(field: number, ...parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts)
  const head = [field * 8 + 2]
  let length = bytes.length
  for (; length > 0x7f; length >>>= 7) head.push((length & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([...head, length]), bytes])
}

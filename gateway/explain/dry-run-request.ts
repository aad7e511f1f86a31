import { foldMapped, parseAddress } from '../base/addresses.ts'
import type { HeaderField } from '../base/denial.ts'
import { isGrpcType } from '../pipeline/exchange/grpc-type.ts'
import { readHttp2Head } from '../pipeline/exchange/http2-head.ts'
import { type HttpVersion, RequestHead } from '../pipeline/exchange/request-head.ts'

/**
 * Header fields that HTTP/2 forbids (RFC 9113 §8.2.2). The library nghttp2 resets the stream of such a request, so the
 * gate never sees the request.
 */
const http1Only = /^(?:connection|keep-alive|proxy-connection|transfer-encoding|upgrade)$/

/** A hypothetical request as a user entered it for an explanation. Its token and its fields can contain secrets. */
export interface AskedRequest {
  readonly method: string
  /**
   * URL as the client would send it, or only a path with its query: the request then goes to the origin of the gate.
   */
  readonly url: string
  /**
   * Access token; `undefined`: the request has no token. The field Authorization has the scheme DPoP if `fields` has a
   * DPoP proof, else with the scheme Bearer.
   */
  readonly token?: string | undefined
  /**
   * Client certificate of the request in PEM, with its intermediate CAs; `undefined`: the request has no certificate.
   */
  readonly certificate?: string | undefined
  /**
   * HTTP version of the request; `undefined`: 2 for a gRPC call at a gate that accepts HTTP/2, else 1.1. A request with
   * HTTP/2 has a body if its fields have a Content-Length other than 0, or if it is a gRPC call.
   */
  readonly httpVersion?: HttpVersion | undefined
  /** Header fields of the client in addition to Host and the access token. Names can have upper-case letters. */
  readonly fields: readonly HeaderField[]
  /** IP address of the client of the hypothetical request, as text. */
  readonly address: string
  /** Time of the hypothetical request, ms since the epoch. */
  readonly nowMs: number
}

/** A hypothetical request in the form that the gate processes. */
export interface DryRunRequest {
  readonly head: RequestHead
  /** Client certificate of the hypothetical request in PEM; `undefined`: the request has no certificate. */
  readonly certificate: string | undefined
  /** Client address, 4 or 16 bytes. An IPv4-mapped IPv6 address was converted to IPv4. */
  readonly address: Uint8Array
  /** Time of the hypothetical request, ms since the epoch. */
  readonly nowMs: number
  /** Origin at which the client of the hypothetical request would reach the gate. */
  readonly publicUrl: string
}

/** A part of the entered request is invalid. The message never quotes the input, which can contain secrets. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
  readonly part: 'url' | 'address' | 'certificate' | 'fields' | 'http_version' | 'session'

  constructor(part: InvalidRequest['part'], message: string) {
    super(message)
    this.part = part
  }
}

/** The properties of the gate that the explanation of a request needs. */
export interface AskedGate {
  /** Origin of the gate, used when the entered URL has no origin. */
  readonly origin: string
  /** True when the gate accepts HTTP/2 (`listen_h2`). */
  readonly acceptsHttp2: boolean
}

/**
 * Builds a request byte for byte as a client would send it. The URL is not normalized, because a URL parser would
 * silently repair errors in the URL, and the explanation would not show them.
 *
 * @throws {InvalidRequest} when a part of the request is invalid
 */
export function buildDryRunRequest(asked: AskedRequest, gate: AskedGate): DryRunRequest {
  const { token, certificate, address, nowMs } = asked
  const own = gate.origin
  const url = readUrl(asked.url, own)
  const fields = [
    ...(token === undefined ? [] : [['authorization', `${schemeOf(asked.fields)} ${token}`] as const]),
    ...asked.fields.map(([name, value]) => [lowerCase(name), value] as const),
  ]
  const isHttp2 = versionOf(asked, gate) === '2'
  return {
    head: isHttp2 ? http2Head(asked.method, url, fields) : http1Head(asked.method, url, fields),
    certificate,
    address: readAddress(address),
    nowMs,
    publicUrl: URL.canParse(url.origin) ? new URL(url.origin).origin : own,
  }
}

function versionOf({ httpVersion, fields }: AskedRequest, { acceptsHttp2 }: AskedGate): HttpVersion {
  if (httpVersion === '2' && !acceptsHttp2) {
    throw new InvalidRequest('http_version', 'this gate accepts no HTTP/2: set listen_h2')
  }
  return httpVersion ?? (acceptsHttp2 && isGrpcCall(fields) ? '2' : '1.1')
}

function isGrpcCall(fields: AskedRequest['fields']): boolean {
  return fields.some(([name, value]) => lowerCase(name) === 'content-type' && isGrpcType(value))
}

function http1Head(method: string, { host, target, query }: SplitUrl, fields: readonly HeaderField[]): RequestHead {
  const all: readonly HeaderField[] = [['host', host], ...fields]
  const names = all.map(([name]) => name)
  const values = all.map(([, value]) => value)
  return new RequestHead(method, target, query, names, values)
}

function http2Head(method: string, url: SplitUrl, fields: readonly HeaderField[]): RequestHead {
  const { origin, host, target, query } = url
  if (fields.some(([name, value]) => http1Only.test(name) || (name === 'te' && value !== 'trailers'))) {
    throw new InvalidRequest('fields', 'HTTP/2 has no connection fields, such as Connection, Upgrade or TE: gzip')
  }
  const line: readonly HeaderField[] = [
    [':method', method],
    [':scheme', origin.slice(0, origin.indexOf(':'))],
    [':authority', host],
    [':path', query === undefined ? target : `${target}?${query}`],
  ]
  const list = [...line, ...fields].flatMap(([name, value]) => [name, Buffer.from(value).toString('latin1')])
  const hasBody = isGrpcCall(fields) || fields.some(([name, value]) => name === 'content-length' && value !== '0')
  return readHttp2Head(list, !hasBody)
}

function schemeOf(fields: AskedRequest['fields']): 'DPoP' | 'Bearer' {
  return fields.some(([name]) => lowerCase(name) === 'dpop') ? 'DPoP' : 'Bearer'
}

interface SplitUrl {
  readonly origin: string
  readonly host: string
  readonly target: string
  readonly query: string | undefined
}

/** Splits the URL of a hypothetical request into origin, host, target and query without normalizing them. */
function readUrl(url: string, own: string): SplitUrl {
  const [, scheme, host = '', rest = ''] = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(url) ?? []
  if (scheme === undefined && !url.startsWith('/')) {
    throw new InvalidRequest('url', 'the URL must start with http://, https:// or /')
  }
  if (host.includes('@')) throw new InvalidRequest('url', 'the URL must not contain a user or password')
  const asked = scheme === undefined ? url : rest.startsWith('/') ? rest : `/${rest}`
  const mark = asked.indexOf('?')
  return {
    origin: scheme === undefined ? own : `${scheme.toLowerCase()}://${host}`,
    host: scheme === undefined ? new URL(own).host : host,
    target: mark === -1 ? asked : asked.slice(0, mark),
    query: mark === -1 ? undefined : asked.slice(mark + 1),
  }
}

/**
 * Converts only ASCII letters of a field name to lower case, as the HTTP server does. `toLowerCase` would also change K
 * (U+212A) to k.
 */
function lowerCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function readAddress(text: string): Uint8Array {
  const address = parseAddress(text)
  if (address === undefined) throw new InvalidRequest('address', 'the address must be an IPv4 or IPv6 address')
  return foldMapped(address)
}

import { foldMapped, parseAddress } from '../base/addresses.ts'
import type { HeaderField } from '../base/denial.ts'
import { RequestHead } from '../pipeline/exchange/request-head.ts'

/** A hypothetical request as a user entered it for an explanation. Its texts can be secrets. */
export interface AskedRequest {
  readonly method: string
  /** URL as the client would send it. A URL without an origin is resolved against the gate's origin. */
  readonly url: string
  /**
   * Access token; `undefined`: the request has none. Sent with the scheme DPoP if `fields` has a DPoP proof, else with
   * the scheme Bearer.
   */
  readonly token?: string | undefined
  /** Client certificate of the request in PEM, with its intermediate CAs; `undefined`: the request has none. */
  readonly certificate?: string | undefined
  /** Header fields of the client in addition to Host and the access token. Names can have upper-case letters. */
  readonly fields: readonly HeaderField[]
  /** IP address of the client, as text. */
  readonly address: string
  /** Time of the request, ms since the epoch. */
  readonly nowMs: number
}

/** A hypothetical request in the form that the gate processes. */
export interface DryRunRequest {
  readonly head: RequestHead
  /** Client certificate in PEM; `undefined`: the request has none. */
  readonly certificate: string | undefined
  /** Client address, 4 or 16 bytes. An IPv4-mapped IPv6 address was converted to IPv4. */
  readonly address: Uint8Array
  /** Time of the request, ms since the epoch. */
  readonly nowMs: number
  /** Origin at which the client would reach the gate. */
  readonly publicUrl: string
}

/** The entered URL, address or certificate is invalid. The message never quotes the input, which can contain secrets. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
  readonly part: 'url' | 'address' | 'certificate'

  constructor(part: InvalidRequest['part'], message: string) {
    super(message)
    this.part = part
  }
}

/**
 * Builds a request byte for byte as a client would send it. The URL is not normalized, because a URL parser would
 * silently repair errors in the URL, and the explanation would not show them.
 *
 * @param own  origin of the gate, for a URL without an origin
 * @throws {InvalidRequest} when the URL or the address is invalid
 */
export function buildDryRunRequest(asked: AskedRequest, own: string): DryRunRequest {
  const { method, url, token, certificate, fields, address, nowMs } = asked
  const { origin, host, target, query } = readUrl(url, own)
  const all: HeaderField[] = [
    ['host', host],
    ...(token === undefined ? [] : [['authorization', `${schemeOf(fields)} ${token}`] as const]),
    ...fields.map(([name, value]) => [lowerCase(name), value] as const),
  ]
  const names = all.map(([name]) => name)
  const values = all.map(([, value]) => value)
  return {
    head: new RequestHead(method, target, query, names, values),
    certificate,
    address: readAddress(address),
    nowMs,
    publicUrl: URL.canParse(origin) ? new URL(origin).origin : own,
  }
}

function schemeOf(fields: AskedRequest['fields']): 'DPoP' | 'Bearer' {
  return fields.some(([name]) => lowerCase(name) === 'dpop') ? 'DPoP' : 'Bearer'
}

/** Splits a URL into origin, host, target and query without normalizing them. */
function readUrl(url: string, own: string) {
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
 * Converts only ASCII letters to lower case, as the HTTP server does. `toLowerCase` would also change K (U+212A) to k.
 */
function lowerCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function readAddress(text: string): Uint8Array {
  const address = parseAddress(text)
  if (address === undefined) throw new InvalidRequest('address', 'the address must be an IPv4 or IPv6 address')
  return foldMapped(address)
}

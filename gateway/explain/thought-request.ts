import { foldMapped, parseAddress } from '../base/addresses.ts'
import type { Field } from '../base/denial.ts'
import { RequestHead } from '../pipeline/request-head.ts'

/** A request in the words of somebody who asks about it. Texts may be secrets. */
export interface AskedRequest {
  readonly method: string
  /** As the client sends it; a path alone is asked of the gate's own origin. */
  readonly url: string
  /** The access token. */
  readonly token?: string | undefined
  /** That the client sends beside, names in any case. */
  readonly fields: readonly Field[]
  /** Of the client. */
  readonly address: string
  /** ms since the epoch */
  readonly nowMs: number
}

/** A request that is only thought of. */
export interface ThoughtRequest {
  readonly head: RequestHead
  /** Of the client, 4 or 16 bytes, IPv4-mapped ones folded. */
  readonly address: Uint8Array
  /** ms since the epoch */
  readonly nowMs: number
  /** Origin under which the client reached the gate. */
  readonly publicUrl: string
}

/** What was asked makes no request. The message quotes none of it, which may be a secret. */
export class UnfitRequest extends Error {
  override readonly name = 'UnfitRequest'
  readonly part: 'url' | 'address'

  constructor(part: UnfitRequest['part'], message: string) {
    super(message)
    this.part = part
  }
}

/**
 * Puts together the request as a client would send it, byte for byte: nothing in the URL is mended, since what a URL
 * parser mends is what is asked about.
 *
 * @param own  origin of the gate
 * @throws {UnfitRequest}
 */
export function thoughtRequest(asked: AskedRequest, own: string): ThoughtRequest {
  const { method, url, token, fields, address, nowMs } = asked
  const { origin, host, target, query } = readUrl(url, own)
  const all: Field[] = [
    ['host', host],
    ...(token === undefined ? [] : [['authorization', `Bearer ${token}`] as const]),
    ...fields.map(([name, value]) => [lowerCase(name), value] as const),
  ]
  const names = all.map(([name]) => name)
  const values = all.map(([, value]) => value)
  return {
    head: new RequestHead(method, target, query, names, values),
    address: readAddress(address),
    nowMs,
    publicUrl: URL.canParse(origin) ? new URL(origin).origin : own,
  }
}

/** A URL of which only the parts are told apart. */
function readUrl(url: string, own: string) {
  const [, scheme, host = '', rest = ''] = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(url) ?? []
  if (scheme === undefined && !url.startsWith('/')) {
    throw new UnfitRequest('url', 'the URL must start with http://, https:// or /')
  }
  if (host.includes('@')) throw new UnfitRequest('url', 'the URL must not hold a user or password')
  const asked = scheme === undefined ? url : rest.startsWith('/') ? rest : `/${rest}`
  const mark = asked.indexOf('?')
  return {
    origin: scheme === undefined ? own : `${scheme.toLowerCase()}://${host}`,
    host: scheme === undefined ? new URL(own).host : host,
    target: mark === -1 ? asked : asked.slice(0, mark),
    query: mark === -1 ? undefined : asked.slice(mark + 1),
  }
}

/** As the listener hands names over: in ASCII alone, or K (U+212A) would become a k. */
function lowerCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function readAddress(text: string): Uint8Array {
  const address = parseAddress(text)
  if (address === undefined) throw new UnfitRequest('address', 'the address must be an IPv4 or IPv6 address')
  return foldMapped(address)
}

import { foldMapped, formatAddress, parseAddress } from '../../base/addresses.ts'
import { denial } from '../../base/denial.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import type { EnvoyCheckRequest } from '../../ext-authz/check-request.ts'
import { readNode } from '../client-address/forwarded.ts'
import { readEscapedPem } from '../client-certificate/presented-certificate.ts'
import { type HttpVersion, RequestHead } from '../exchange/request-head.ts'
import type { Gate } from '../gate.ts'
import type { MessageDenial, MessageLine } from './message-line.ts'

/** Path of the check over HTTP, under which an ext_authz check has its record too. */
const checkPath = '/.gatehouse/check'

const malformed = denial('check-malformed')
const incomplete = denial('check-incomplete')
const ambiguous = denial('check-ambiguous')

/** A request of which the message of an ext_authz check tells. */
export interface MessageRequest {
  /** Head of the request, with `Host` and the addresses in the form in which a proxy states them in a check over HTTP. */
  readonly head: RequestHead
  readonly asked: MessageLine
  /** Scheme of the request; `undefined` when the message has none. */
  readonly scheme: 'http' | 'https' | undefined
}

/** Returns the request that replaces a message that cannot be read. Its host is the host of no route. */
export function unreadMessage(asked: MessageDenial): MessageRequest {
  return { head: new RequestHead('GET', checkPath, undefined, ['host'], ['unknown']), asked, scheme: undefined }
}

/**
 * Turns the message of an ext_authz check into a head, which the phases validate like that of a request. The attributes
 * of the message state the request. A part that says something else, such as a pseudo-header field `:path` beside another
 * `path`, makes the check ambiguous.
 */
export function messageRequest(
  message: EnvoyCheckRequest,
  { proxies, clientCertificates }: Pick<Gate, 'proxies' | 'clientCertificates'>,
): MessageRequest {
  const { path, protocol } = message
  // A message without method, path or host is refused because it is incomplete, instead of because of an unknown method
  // or an invalid host.
  const isComplete = message.method !== '' && path !== '' && message.host !== ''
  const method = isComplete ? message.method : 'GET'
  const fields = new ClientFields(message)
  fields.addSource(message, proxies?.clientAddress ?? 'x-forwarded-for')
  fields.addCertificate(message, clientCertificates?.fieldName)
  const version: HttpVersion = protocol === 'HTTP/2' || protocol === 'HTTP/3' ? '2' : '1.1'
  return {
    head: new RequestHead(method, checkPath, undefined, fields.names, fields.values, version),
    asked: isComplete ? (fields.refused ?? lineOf(method, path)) : incomplete,
    scheme: message.scheme === 'http' || message.scheme === 'https' ? message.scheme : undefined,
  }
}

function lineOf(method: string, path: string): MessageLine {
  const mark = path.indexOf('?')
  return mark === -1
    ? { method, target: path, query: undefined }
    : { method, target: path.slice(0, mark), query: path.slice(mark + 1) }
}

/** Fields of the client as Envoy received them, with what Envoy itself states about the client. */
class ClientFields {
  readonly names: string[]
  readonly values: string[]
  /** The first disagreement between the parts of the message; `undefined` when they agree. */
  refused: typeof malformed | typeof ambiguous | undefined

  constructor({ method, path, host, scheme, query, fragment, form, names, values }: EnvoyCheckRequest) {
    this.names = ['host']
    this.values = [host === '' ? 'unknown' : host]
    if (query !== '' || fragment !== '') this.refused = ambiguous
    if (scheme !== '' && scheme !== 'http' && scheme !== 'https') this.refused = malformed
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      const value = values[i]!
      if (name.charCodeAt(0) === 0x3a) {
        const stated = name === ':method' ? method : name === ':path' ? path : name === ':authority' ? host : scheme
        if (value !== stated || !pseudoFields.has(name)) this.refused = ambiguous
        continue
      }
      if (name === 'host' && value.toLowerCase() === host.toLowerCase()) continue
      const separator = form === 'map' ? singleFields.get(name) : undefined
      if (separator === undefined) this.#add(name, trimOptionalWhitespace(value))
      else for (const part of value.split(separator)) this.#add(name, trimOptionalWhitespace(part))
    }
  }

  /**
   * Adds the address of the peer of Envoy to the chain of addresses, as its last element, unless Envoy has done so
   * (`use_remote_address`). A client can then send any chain: it is believed only as far as `proxies` lists the addresses.
   * Without an IP address, such as for a Unix domain socket, the client may have written the whole chain: it is dropped.
   */
  addSource({ sourceAddress, scheme }: EnvoyCheckRequest, field: 'x-forwarded-for' | 'forwarded'): void {
    const parsed = parseAddress(sourceAddress)
    if (parsed === undefined) {
      this.#remove(field)
      return
    }
    const address = foldMapped(parsed)
    if (field === 'x-forwarded-for') {
      this.#add(field, withAddress(this.#remove(field) ?? '', address))
      return
    }
    const text = address.length === 4 ? formatAddress(address) : `"[${formatAddress(address)}]"`
    this.#add(field, scheme === '' ? `for=${text}` : `for=${text};proto=${scheme}`)
  }

  /**
   * States the certificate of the peer of Envoy in the field in which the gate expects certificates. Only
   * `X-Forwarded-Client-Cert` comes from Envoy itself; a client can send the others, so they are never believed here.
   */
  addCertificate({ certificate }: EnvoyCheckRequest, field: string | undefined): void {
    if (field === undefined || field === 'x-forwarded-client-cert') return
    const isChain = (name: string) => name === 'client-cert-chain' && field === 'client-cert'
    if (this.names.some((name) => name === field || isChain(name))) {
      this.refused = ambiguous
      return
    }
    if (certificate === '') return
    const value = field === 'client-cert' ? byteSequence(certificate) : certificate
    if (value === undefined) this.refused = malformed
    else this.#add(field, value)
  }

  #add(name: string, value: string): void {
    this.names.push(name)
    this.values.push(value)
  }

  /** Removes all fields of a name. @returns their values as one list; `undefined` without such a field */
  #remove(name: string): string | undefined {
    let list: string | undefined
    for (let at = this.names.indexOf(name); at >= 0; at = this.names.indexOf(name, at)) {
      this.names.splice(at, 1)
      const [value] = this.values.splice(at, 1)
      list = list === undefined ? value : `${list}, ${value}`
    }
    return list
  }
}

/**
 * Fields that must not repeat, and what separates their values in a map, in which Envoy has joined repeated fields with a
 * comma. They are separated again, so that `guard-request` refuses them. Parameters of `Authorization` (Digest) usually
 * have a space after the comma.
 */
const singleFields: ReadonlyMap<string, RegExp> = new Map([
  ['authorization', /,(?! )/],
  ...['dpop', 'content-length', 'transfer-encoding', 'origin', 'expect', 'upgrade', 'max-forwards', 'host'].map(
    (name) => [name, /,/] as const,
  ),
])

const pseudoFields: ReadonlySet<string> = new Set([':method', ':path', ':authority', ':scheme'])

/** Returns the list of addresses with `address` as its last one: adds it, unless it is the last one already. */
function withAddress(chain: string, address: Uint8Array): string {
  if (chain === '') return formatAddress(address)
  const last = readNode(trimOptionalWhitespace(chain.slice(chain.lastIndexOf(',') + 1)))
  const isThere = last !== undefined && Buffer.compare(last, address) === 0
  return isThere ? chain : `${chain}, ${formatAddress(address)}`
}

/** Converts a percent-encoded certificate in PEM to the form of `Client-Cert` (RFC 9440 §2.1). */
function byteSequence(escaped: string): string | undefined {
  try {
    const presented = readEscapedPem(escaped)
    return presented && `:${presented.der.toString('base64')}:`
  } catch {
    // The text has an invalid percent escape.
    return undefined
  }
}

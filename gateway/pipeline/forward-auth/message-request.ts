import { foldMapped, formatAddress, parseAddress } from '../../base/addresses.ts'
import { denial } from '../../base/denial.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import type { EnvoyCheckRequest } from '../../ext-authz/check-request.ts'
import { readNode } from '../client-address/forwarded.ts'
import { readEscapedPem } from '../client-certificate/presented-certificate.ts'
import { type HttpVersion, RequestHead } from '../exchange/request-head.ts'
import type { Gate } from '../gate.ts'
import type { MessageDenial, MessageLine } from './message-line.ts'

/** Path of forward-auth checks over HTTP. Records of ext_authz checks have this path too. */
const checkPath = '/.gatehouse/check'

const malformed = denial('check-malformed')
const incomplete = denial('check-incomplete')
const ambiguous = denial('check-ambiguous')

/** The request that the message of an ext_authz check describes. */
export interface MessageRequest {
  /**
   * Head of the described request. `Host` and the client addresses have the form in which a proxy states them in a
   * check over HTTP.
   */
  readonly head: RequestHead
  readonly asked: MessageLine
  /** Scheme of the checked request; `undefined` when the message has none. */
  readonly scheme: 'http' | 'https' | undefined
}

/** Returns a stand-in request for a message that cannot be read. No route matches its host. */
export function unreadMessage(asked: MessageDenial): MessageRequest {
  return { head: new RequestHead('GET', checkPath, undefined, ['host'], ['unknown']), asked, scheme: undefined }
}

/**
 * Converts the message of an ext_authz check into the head of a request, which the phases validate like any other head.
 * The attributes of the message describe the request. If another part contradicts an attribute, for example the
 * pseudo-header field `:path` and the attribute `path`, the check is refused as ambiguous.
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

/**
 * Returns the header fields of the client as Envoy received them, and the fields in which Envoy itself describes the
 * client.
 */
class ClientFields {
  readonly names: string[]
  readonly values: string[]
  /** Returns the denial for the first contradiction between parts of the message; `undefined` when the parts agree. */
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
   * Appends the address of Envoy's peer to the chain of client addresses, unless Envoy has already done so
   * (`use_remote_address`). A client can send any chain, but the gate trusts it only as far as `proxies` lists the
   * addresses. If Envoy's peer has no IP address (a Unix domain socket), the client may have written the whole chain,
   * so the chain is dropped.
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
   * Writes the certificate of Envoy's peer into the field in which the gate expects certificates. The check is refused
   * if the client has sent this field. The exception is `X-Forwarded-Client-Cert`, which Envoy itself sets.
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

  /**
   * Removes all header fields of a name from the checked request. @returns their values as one list; `undefined`
   * without such a field
   */
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
 * Fields that must not repeat, each with the separator of repeated values. In the map form of the message, Envoy has
 * joined repeated fields with a comma. The values are split again, so that `guard-request` refuses the repeated field.
 * Parameters of `Authorization` (Digest) are not split, because a space usually follows the comma between them.
 */
const singleFields: ReadonlyMap<string, RegExp> = new Map([
  ['authorization', /,(?! )/],
  ...['dpop', 'content-length', 'transfer-encoding', 'origin', 'expect', 'upgrade', 'max-forwards', 'host'].map(
    (name) => [name, /,/] as const,
  ),
])

const pseudoFields: ReadonlySet<string> = new Set([':method', ':path', ':authority', ':scheme'])

/** Returns the list of client addresses with `address` as its last one: adds it, unless it is the last one already. */
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
    // Return nothing for a text with an invalid percent escape, for which `decodeURIComponent` throws.
    return undefined
  }
}

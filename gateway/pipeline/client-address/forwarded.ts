import { foldMapped, parseAddress } from '../../base/addresses.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'

/** Information that one proxy adds about the previous hop. A property is `undefined` when the proxy did not send it. */
export interface ForwardedElement {
  readonly address: Uint8Array | undefined
  readonly proto: string | undefined
  readonly host: string | undefined
}

/**
 * Matches a client address with an optional port; IPv6 addresses are in brackets (RFC 7239 §6). Some proxies write a
 * port into `X-Forwarded-For`, others do not.
 */
const withPort = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?$/

/**
 * Parses an address of a forwarding field, with or without a port.
 *
 * @returns the address, where an IPv4-mapped IPv6 address becomes IPv4; `undefined` for `unknown`, an obfuscated
 *   identifier, or invalid text
 */
export function readNode(text: string): Uint8Array | undefined {
  const [, bracketed, plain] = withPort.exec(text) ?? []
  const address = parseAddress(bracketed ?? plain ?? text)
  return address === undefined ? undefined : foldMapped(address)
}

// Matches one name-value pair of `Forwarded` (RFC 7239 §4): forwarded-pair = token "=" ( token / quoted-string ). A ";"
// ends a pair, and a "," ends an element.
const pair = /[\t ]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\]|\\.)*)")[\t ]*([;,]|$)/y
const ELEMENTS_MAX = 64
/** Maximum number of name-value pairs in a `Forwarded` field, in all elements together. */
const PAIRS_MAX = 256

/**
 * Parses a `Forwarded` field (RFC 7239 §4). Repeated fields must already be joined by commas.
 *
 * @returns one element per proxy, in order; `undefined` for invalid syntax, more than 64 elements or more than 256
 *   pairs
 */
export function readForwarded(value: string): ForwardedElement[] | undefined {
  const elements: ForwardedElement[] = []
  let current = new Map<string, string>()
  pair.lastIndex = 0
  let pairs = 0
  while (pair.lastIndex < value.length) {
    const match = pair.exec(value)
    if (match === null || ++pairs > PAIRS_MAX) return undefined
    const [, name, token, quoted, end] = match
    const key = name!.toLowerCase()
    if (current.has(key)) return undefined
    current.set(key, token ?? quoted!.replace(/\\(.)/g, '$1'))
    if (end === ';') continue
    elements.push(elementOf(current))
    if (elements.length > ELEMENTS_MAX || (end === ',' && pair.lastIndex === value.length)) return undefined
    current = new Map()
  }
  return current.size === 0 ? elements : undefined
}

function elementOf(pairs: ReadonlyMap<string, string>): ForwardedElement {
  const node = pairs.get('for')
  return {
    address: node === undefined ? undefined : readNode(node),
    proto: pairs.get('proto')?.toLowerCase(),
    host: pairs.get('host'),
  }
}

/**
 * Parses `X-Forwarded-For`. Repeated fields must already be joined by commas.
 *
 * @returns one element per hop; `undefined` for more than 64 hops
 */
export function readForwardedFor(value: string): ForwardedElement[] | undefined {
  const nodes = value.split(',', ELEMENTS_MAX + 1)
  if (nodes.length > ELEMENTS_MAX) return undefined
  return nodes.map((node) => ({ address: readNode(trimOptionalWhitespace(node)), proto: undefined, host: undefined }))
}

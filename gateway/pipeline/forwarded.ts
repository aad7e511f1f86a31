import { foldMapped, parseAddress } from '../base/addresses.ts'
import { trimOptionalWhitespace } from '../base/optional-whitespace.ts'

/** What one proxy said about the hop before it. `undefined` where it said nothing. */
export interface ForwardedElement {
  readonly address: Uint8Array | undefined
  readonly proto: string | undefined
  readonly host: string | undefined
}

/** A client with its port, or an IPv6 address in brackets (RFC 7239 §6); `X-Forwarded-For` is written both ways. */
const withPort = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?$/

/** Reads an address as proxies write it. @returns folded; `undefined` for `unknown`, a made-up name, or nonsense */
export function readNode(text: string): Uint8Array | undefined {
  const [, bracketed, plain] = withPort.exec(text) ?? []
  const address = parseAddress(bracketed ?? plain ?? text)
  return address === undefined ? undefined : foldMapped(address)
}

// forwarded-pair = token "=" ( token / quoted-string ), RFC 7239 §4; pairs end with ";", elements with ",".
const pair = /[\t ]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\]|\\.)*)")[\t ]*([;,]|$)/y
const ELEMENTS_MAX = 64
/** Pairs of all elements together. */
const PAIRS_MAX = 256

/**
 * Reads a `Forwarded` field (RFC 7239 §4), its lines joined by commas.
 *
 * @returns one element a proxy, in order; `undefined` when it does not follow the syntax, or is longer than any chain
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

/** Reads `X-Forwarded-For`, its lines joined by commas. @returns one element a hop; `undefined` beyond any chain */
export function readForwardedFor(value: string): ForwardedElement[] | undefined {
  const nodes = value.split(',', ELEMENTS_MAX + 1)
  if (nodes.length > ELEMENTS_MAX) return undefined
  return nodes.map((node) => ({ address: readNode(trimOptionalWhitespace(node)), proto: undefined, host: undefined }))
}

import type { LimitPart } from '../base/limit-rule.ts'

/** Who asks, as far as limits tell requests apart. What is not there counts as one identity of its own. */
export interface LimitSubject {
  readonly route: string
  /** The issuer identifier. */
  readonly issuer: string | undefined
  readonly subject: string | undefined
  readonly client: string | undefined
  readonly session: string | undefined
  /** 4 or 16 bytes. */
  readonly address: Uint8Array | undefined
  /** Value of a claim; `undefined` where the token has none. */
  claim(path: readonly string[]): unknown
}

/**
 * Whose window it is, as one text. Injective: each part stands behind its kind and its length, so that no name can be
 * chosen to run into the next. Subjects, clients and sessions are pairs with their issuer.
 */
export function identityOf(by: readonly LimitPart[], who: LimitSubject): string {
  let identity = ''
  for (const part of by) identity += typeof part === 'object' ? claimPart(part.claim, who) : namedPart(part, who)
  return identity
}

function namedPart(part: Exclude<LimitPart, object>, who: LimitSubject): string {
  switch (part) {
    case 'address':
      return addressPart(who.address)
    case 'route':
      return sized('route', who.route)
    case 'issuer':
      return sized('issuer', who.issuer)
    default:
      return `${sized('issuer', who.issuer)}${sized(part, who[part])}`
  }
}

function claimPart(path: readonly string[], who: LimitSubject): string {
  const value = who.claim(path)
  return `${sized('issuer', who.issuer)}${sized(`claim ${JSON.stringify(path)}`, value === undefined ? undefined : JSON.stringify(value))}`
}

/** Length -1 is nothing at all, which is not the same as an empty text. */
function sized(kind: string, value: string | undefined): string {
  return value === undefined ? `${kind}:-1;` : `${kind}:${value.length}:${value};`
}

/** One window for each IPv4 address and each IPv6 /64, which is what one subscriber is given (RFC 6177). */
function addressPart(address: Uint8Array | undefined): string {
  if (address === undefined) return sized('address', undefined)
  let text = 'address:'
  const length = address.length === 4 ? 4 : 8
  for (let i = 0; i < length; i++) text += address[i]!.toString(16).padStart(2, '0')
  return `${text};`
}

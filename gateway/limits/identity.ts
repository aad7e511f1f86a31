import { createHash } from 'node:crypto'
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

/** Characters of a value in JSON. Longer ones are hashed: a node keeps many identities, and clients may have a say in them. */
const VALUE_MAX = 256

/**
 * Whose window it is, as one text: a JSON list of names and values in turns, so that no value can be chosen to run into
 * the next. What belongs to an issuer stands beside it: the same name elsewhere is somebody else.
 */
export function identityOf(by: readonly LimitPart[], who: LimitSubject): string {
  const parts: unknown[] = []
  let issued = false
  for (const part of by) {
    if (part === 'route') parts.push(part, who.route)
    else if (part === 'address') parts.push(part, addressBlock(who.address))
    else {
      if (!issued) parts.push('issuer', who.issuer ?? null)
      issued = true
      if (typeof part === 'object') add(parts, claimName(part.claim), who.claim(part.claim))
      else if (part !== 'issuer') add(parts, part, who[part])
    }
  }
  return JSON.stringify(parts)
}

function add(parts: unknown[], name: string, value: unknown = null): void {
  const text = JSON.stringify(value)
  if (text.length <= VALUE_MAX) parts.push(name, value)
  else parts.push(`sha256 ${name}`, createHash('sha256').update(text).digest('hex'))
}

/** The names and values of an identity. */
export function identityParts(identity: string): Record<string, unknown> {
  const parts = JSON.parse(identity) as unknown[]
  const named: [string, unknown][] = []
  for (let i = 0; i < parts.length; i += 2) named.push([String(parts[i]), parts[i + 1]])
  return Object.fromEntries(named)
}

/** As the policy may write its path. */
export function claimName(path: readonly string[]): string {
  return `claim ${path.some((name) => name.includes('.')) ? JSON.stringify(path) : path.join('.')}`
}

/** One window for each IPv4 address and each IPv6 /64, which is what one subscriber is given (RFC 6177). */
function addressBlock(address: Uint8Array | undefined): string | null {
  if (address === undefined) return null
  if (address.length === 4) return `${address[0]}.${address[1]}.${address[2]}.${address[3]}`
  let text = ''
  for (let i = 0; i < 8; i += 2) text += `${((address[i]! << 8) | address[i + 1]!).toString(16)}:`
  return `${text}:/64`
}

import { createHash } from 'node:crypto'
import type { LimitPart } from '../base/limit-rule.ts'

/**
 * Attributes of a request by which limits distinguish clients. Requests without an attribute are counted together, as
 * one value.
 */
export interface LimitSubject {
  readonly route: string
  /** The issuer identifier (`iss`) of the request's token or session. */
  readonly issuer: string | undefined
  readonly subject: string | undefined
  readonly client: string | undefined
  readonly session: string | undefined
  /** Client address, 4 bytes (IPv4) or 16 bytes (IPv6). */
  readonly address: Uint8Array | undefined
  /** Returns the value of a claim; `undefined` when the token does not have the claim. */
  claim(path: readonly string[]): unknown
}

/**
 * Maximum length of a value in an identity, as JSON, characters. A longer value is hashed, because a node stores many
 * identities, and clients can choose some of the values.
 */
const VALUE_MAX = 256

/**
 * Returns the identity whose requests a rate limit window counts: a JSON list of alternating names and values. With
 * JSON, a value that a client chose cannot imitate the next name. Parts that an issuer assigns, such as the subject,
 * are listed with the issuer, because another issuer can assign the same name to a different client.
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

/** Returns the names and values of the parts of a rate limit identity. */
export function identityParts(identity: string): Record<string, unknown> {
  const parts = JSON.parse(identity) as unknown[]
  const named: [string, unknown][] = []
  for (let i = 0; i < parts.length; i += 2) named.push([String(parts[i]), parts[i + 1]])
  return Object.fromEntries(named)
}

/** Returns the name of a claim in a rate limit identity, with the path in the syntax of the policy. */
export function claimName(path: readonly string[]): string {
  return `claim ${path.some((name) => name.includes('.')) ? JSON.stringify(path) : path.join('.')}`
}

/**
 * Returns the block of a client address that shares one rate limit window: an IPv4 address or an IPv6 /64. Each IPv6
 * subscriber has at least one /64 (RFC 6177).
 */
function addressBlock(address: Uint8Array | undefined): string | null {
  if (address === undefined) return null
  if (address.length === 4) return `${address[0]}.${address[1]}.${address[2]}.${address[3]}`
  let text = ''
  for (let i = 0; i < 8; i += 2) text += `${((address[i]! << 8) | address[i + 1]!).toString(16)}:`
  return `${text}:/64`
}

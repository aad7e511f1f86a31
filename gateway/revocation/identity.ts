import { hash } from 'node:crypto'
import { objectInPart } from '../oauth/jws.ts'
import { answerIdentity } from '../oauth/opaque-identity.ts'
import type { TokenFacts } from '../oauth/token-facts.ts'
import { canonicalTokenText } from '../oauth/token-text.ts'

/** What a revocation may name, each by one letter in what is hashed. */
export const identityKinds = {
  token: 't',
  jti: 'j',
  session: 's',
  subject: 'u',
  client: 'c',
  issuer: 'i',
  /** An opaque token, by what its issuer answers about it. */
  answer: 'a',
} as const

export type IdentityKind = keyof typeof identityKinds

/** Kind, issuer identifier, and value; `undefined` where the token or session has none. */
type NamedIdentity = readonly [kind: IdentityKind, issuer: string, value: string | undefined]

/** By what a login session can be revoked. */
export interface RevocableSession {
  /** The issuer identifier. */
  readonly issuer: string
  readonly subject: string
  /** The gate's own, and the issuer's where it named one. */
  readonly id: string
  readonly providerSid: string | undefined
}

/** Words of 32 bits in a hash. */
export const HASH_WORDS = 4

const KEY_BYTES = 32

/**
 * The keys under which identities are hashed, so that a dump of Redis names nobody and nobody can choose where an entry
 * lies. One as a rule; after Redis was lost, that of before and that of after may both be in use, and tokens are looked
 * up under each. Immutable: other keys are another object.
 */
export class HashKeys {
  /** Each 64 hexadecimal digits. The first hashes what is revoked from now on. */
  readonly list: readonly string[]

  constructor(list: readonly string[]) {
    this.list = list
  }

  /** @param bytes  32 a key, as Redis holds them */
  static read(bytes: Buffer): HashKeys {
    const keys: string[] = []
    for (let at = 0; at + KEY_BYTES <= bytes.length; at += KEY_BYTES)
      keys.push(bytes.toString('hex', at, at + KEY_BYTES))
    return new HashKeys(keys)
  }

  /** 16 bytes, big-endian. The value must be well-formed: half a surrogate pair would be hashed as another text. */
  hashOf(kind: IdentityKind, issuer: string, value: string): Buffer {
    return hash('sha256', preimage(this.list[0]!, kind, issuer, value), 'buffer').subarray(0, 4 * HASH_WORDS)
  }

  /**
   * Hashes of all that can be revoked about a token, 4 words each, under every key. Words of what it does not have are 0.
   *
   * @param token  the whole token. Of a JWT the signature is left out: an ECDSA signature has a second valid form
   */
  hashesOf(facts: TokenFacts, token: string): Uint32Array {
    const { issuer, tokenId, sessionId, subject, client } = facts
    const named: NamedIdentity[] = [
      ['jti', issuer.issuer, tokenId],
      ['session', issuer.issuer, sessionId],
      ['subject', issuer.issuer, subject],
      ['client', issuer.issuer, client],
      ['issuer', issuer.issuer, ''],
    ]
    const isJwt = facts.standing.form === 'jwt'
    const signed = isJwt ? signedPart(token) : token
    if (signed !== token) named.push(['token', '', signed])
    // Also the access token of a login session that says nothing to this gate.
    else for (const text of textsOfOpaque(token)) named.push(['token', '', text])
    if (!isJwt && tokenId === undefined) named.push(['answer', issuer.issuer, answerIdentity(facts.claims)])
    return this.#hashes(named)
  }

  /** The same of a login session. */
  hashesOfSession({ issuer, subject, id, providerSid }: RevocableSession): Uint32Array {
    return this.#hashes([
      ['session', issuer, id],
      ['session', issuer, providerSid],
      ['subject', issuer, subject],
      ['issuer', issuer, ''],
    ])
  }

  /** Hashes of one of the gate's own sessions whose issuer is unknown: under each of these issuers. */
  hashesOfSessionId(id: string, issuers: Iterable<string>): Uint32Array {
    return this.#hashes(Array.from(issuers, (issuer) => ['session', issuer, id] as const))
  }

  #hashes(names: readonly NamedIdentity[]): Uint32Array {
    const words = new Uint32Array(this.list.length * names.length * HASH_WORDS)
    let at = 0
    for (const key of this.list) {
      for (const [kind, scope, value] of names) {
        if (value !== undefined) {
          // A text of bytes: it costs a third of what a Buffer does.
          const digest = hash('sha256', preimage(key, kind, scope, value), 'binary')
          for (let i = 0; i < HASH_WORDS; i++) words[at + i] = wordAt(digest, 4 * i)
        }
        at += HASH_WORDS
      }
    }
    return words
  }
}

/**
 * `header.payload` of a JWS in compact form; another token whole: what stands before the second dot of a PASETO (`v4.local.…`)
 * or of a JWE with a shared key is common to all.
 */
export function signedPart(token: string): string {
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first === -1 || second === -1 || token.includes('.', second + 1)) return token
  return objectInPart(token.slice(0, first)) === undefined ? token : token.slice(0, second)
}

/**
 * The texts by which an opaque token is revoked and looked up: in canonical form, and as it was sent. The second one
 * finds what a version of the gate without the canonical form has revoked, and is found by such nodes.
 */
export function textsOfOpaque(token: string): readonly string[] {
  const canonical = signedPart(canonicalTokenText(token))
  const sent = signedPart(token)
  return sent === canonical ? [canonical] : [canonical, sent]
}

/**
 * What stands for an identity, to be hashed by SHA-256, whose first half is taken, which also rules out extending what was
 * hashed. NUL keeps the parts apart: an issuer identifier has none.
 */
function preimage(key: string, kind: IdentityKind, issuer: string, value: string): string {
  return `${key}${identityKinds[kind]}\0${issuer}\0${value}`
}

/** Big-endian. Signed: the array that takes it reads it as unsigned. */
function wordAt(bytes: string, at: number): number {
  return (
    (bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)
  )
}

import { hash } from 'node:crypto'
import { objectInPart } from '../oauth/jws.ts'
import { answerIdentity } from '../oauth/opaque-identity.ts'
import type { TokenFacts } from '../oauth/token-facts.ts'
import { canonicalTokenText } from '../oauth/token-text.ts'

/** Kinds of identities that a revocation can name. Each kind is one letter in the hashed text. */
export const identityKinds = {
  token: 't',
  jti: 'j',
  session: 's',
  subject: 'u',
  client: 'c',
  issuer: 'i',
  /** An opaque token, identified by the introspection response of its issuer. */
  answer: 'a',
} as const

export type IdentityKind = keyof typeof identityKinds

/**
 * An identity of a token or session: kind, issuer identifier and value. The value is `undefined` when the token or
 * session lacks the identity.
 */
type NamedIdentity = readonly [kind: IdentityKind, issuer: string, value: string | undefined]

/** Identities by which a login session can be revoked. */
export interface RevocableSession {
  /** Identifier (`iss`) of the issuer of the login session. */
  readonly issuer: string
  readonly subject: string
  /** Session id that the gate assigned to the login session. */
  readonly id: string
  /** `sid` with which the issuer identifies its own session of the user; `undefined` when the issuer sent none. */
  readonly providerSid: string | undefined
}

/** Number of 32-bit words in the hash of an identity. */
export const HASH_WORDS = 4

const KEY_BYTES = 32

/**
 * Keys of the keyed hash for identities. With the keyed hash, a client cannot choose the position of an entry in the
 * node's hash table. The records in Redis contain no identity in clear text. Usually there is one key. After Redis lost
 * its data, the old and the new key can both be in use, and tokens are looked up under each key. Immutable: a change of
 * keys creates a new object.
 */
export class HashKeys {
  /** Hash keys of 64 hexadecimal digits each. New revocations use the first key. */
  readonly list: readonly string[]

  constructor(list: readonly string[]) {
    this.list = list
  }

  /**
   * Parses the hash keys.
   *
   * @param bytes  keys as stored in Redis, 32 bytes each
   */
  static read(bytes: Buffer): HashKeys {
    const keys: string[] = []
    for (let at = 0; at + KEY_BYTES <= bytes.length; at += KEY_BYTES)
      keys.push(bytes.toString('hex', at, at + KEY_BYTES))
    return new HashKeys(keys)
  }

  /**
   * Returns the hash of an identity under the first key: 16 bytes, big-endian. The value must be well-formed Unicode,
   * because a lone surrogate has the same hash as a different text.
   */
  hashOf(kind: IdentityKind, issuer: string, value: string): Buffer {
    return hash('sha256', preimage(this.list[0]!, kind, issuer, value), 'buffer').subarray(0, 4 * HASH_WORDS)
  }

  /**
   * Returns the hashes of all identities by which a token can be revoked: 4 words each, under every key. The words of
   * an identity that the token lacks are 0.
   *
   * @param token  the whole token. The signature of a JWT is not hashed, because an ECDSA signature has a second valid
   *   form
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
    const isJwt = facts.introspection.form === 'jwt'
    const signed = isJwt ? signedPart(token) : token
    if (signed !== token) named.push(['token', '', signed])
    // Hash the access token of a login session as an opaque token too, because the gate cannot read it.
    else for (const text of textsOfOpaque(token)) named.push(['token', '', text])
    if (!isJwt && tokenId === undefined) named.push(['answer', issuer.issuer, answerIdentity(facts.claims)])
    return this.#hashes(named)
  }

  /** Returns the hashes of all identities by which a login session can be revoked, in the form of {@link hashesOf}. */
  hashesOfSession({ issuer, subject, id, providerSid }: RevocableSession): Uint32Array {
    return this.#hashes([
      ['session', issuer, id],
      ['session', issuer, providerSid],
      ['subject', issuer, subject],
      ['issuer', issuer, ''],
    ])
  }

  /**
   * Returns the hashes of a session id of the gate under each of these issuers, for a session whose issuer is unknown.
   */
  hashesOfSessionId(id: string, issuers: Iterable<string>): Uint32Array {
    return this.#hashes(Array.from(issuers, (issuer) => ['session', issuer, id] as const))
  }

  #hashes(names: readonly NamedIdentity[]): Uint32Array {
    const words = new Uint32Array(this.list.length * names.length * HASH_WORDS)
    let at = 0
    for (const key of this.list) {
      for (const [kind, scope, value] of names) {
        if (value !== undefined) {
          // Read the digest as a binary string, which costs a third of a digest as a Buffer.
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
 * Returns `header.payload` of a JWS in compact form, and any other token unchanged. Such other tokens must be compared
 * whole: the text before the second dot of a PASETO (`v4.local.…`), or of a JWE with a shared key, is common to all of
 * them.
 */
export function signedPart(token: string): string {
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first === -1 || second === -1 || token.includes('.', second + 1)) return token
  return objectInPart(token.slice(0, first)) === undefined ? token : token.slice(0, second)
}

/**
 * Returns the texts by which an opaque token is revoked and looked up: its canonical form, and the text as sent. The
 * text as sent is for nodes that run a version without the canonical form. Nodes of both versions thus find each
 * other's revocations.
 */
export function textsOfOpaque(token: string): readonly string[] {
  const canonical = signedPart(canonicalTokenText(token))
  const sent = signedPart(token)
  return sent === canonical ? [canonical] : [canonical, sent]
}

/**
 * Returns the text that is hashed for an identity. Only the first half of the SHA-256 digest is used, which also
 * prevents length extension attacks. NUL separates the parts, because an issuer identifier cannot contain NUL.
 */
function preimage(key: string, kind: IdentityKind, issuer: string, value: string): string {
  return `${key}${identityKinds[kind]}\0${issuer}\0${value}`
}

/** Reads a big-endian 32-bit word as a signed number. The Uint32Array that stores the word makes it unsigned. */
function wordAt(bytes: string, at: number): number {
  return (
    (bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)
  )
}

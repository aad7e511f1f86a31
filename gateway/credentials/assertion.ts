import { randomUUID, sign } from 'node:crypto'
import { ecdsaFromDer } from '../oauth/ecdsa-signature.ts'
import type { Derived, TokenFacts } from '../oauth/token-facts.ts'
import { type AssertionKey, type AssertionKeySource, importAssertionKey } from './assertion-key.ts'

/** Longest lifetime of an assertion, s. It limits how long a service can use an outdated decision. */
const lifetimeS = 60

/** Length of each of the two numbers in a signature, bytes. */
const P256_BYTES = 32

/**
 * Issues identity assertions: short-lived JWTs, signed by the gate, that name the subject of an exchange to one
 * service.
 */
export class AssertionSigner {
  /** All public keys as a JSON Web Key Set (RFC 7517 §5), serialized. */
  readonly jwks: string
  readonly #issuer: string
  readonly #key: AssertionKey
  /** The base64url-encoded protected header, including the dot behind it. */
  readonly #head: string

  private constructor(keys: readonly [AssertionKey, ...AssertionKey[]], issuer: string) {
    this.jwks = JSON.stringify({ keys: keys.map((key) => key.published) })
    this.#issuer = issuer
    this.#key = keys[0]
    this.#head = `${encoded({ alg: 'ES256', kid: keys[0].id, typ: 'gatehouse-assertion+jwt' })}.`
  }

  /**
   * @param keys    the first key signs; all keys are published, so that key rotations can overlap
   * @param issuer  `iss` of the assertions: the public URL
   * @throws {Error} when there is no key, a key is unusable, or two keys have one id
   */
  static async create(keys: readonly AssertionKeySource[], options: { issuer: string }): Promise<AssertionSigner> {
    const [first, ...others] = await Promise.all(keys.map(importAssertionKey))
    if (first === undefined) throw new Error('no assertion key; make one with: gatehouse keys generate assertion')
    const ids = keys.map((key) => key.id)
    const repeated = ids.find((id, i) => ids.indexOf(id) !== i)
    if (repeated !== undefined) throw new Error(`duplicate assertion key id ${JSON.stringify(repeated)}`)
    return new AssertionSigner([first, ...others], options.issuer)
  }

  /**
   * Returns the assertion about a token for a service. Reuses the one in `derived` until half of its lifetime has
   * passed. An assertion never outlives its token.
   *
   * Signs synchronously: signing is faster than the rest of the request, and only a verified token leads to it.
   *
   * @param nowMs  ms since the epoch
   */
  assertion(facts: TokenFacts, derived: Derived, serviceId: string, nowMs: number): string {
    if (nowMs < derived.assertionRenewAtMs) return derived.assertion
    const issuedAtS = Math.floor(nowMs / 1000)
    const tokenEndS = Math.floor(facts.expiresAtS)
    const expiresAtS = Math.min(issuedAtS + lifetimeS, tokenEndS)
    derived.assertion = this.#signed({
      iss: this.#issuer,
      aud: serviceId,
      sub: facts.subject,
      iat: issuedAtS,
      exp: expiresAtS,
      jti: randomUUID(),
      client_id: facts.client,
      scope: [...facts.scopes].join(' '),
      roles: [...derived.roles],
      acr: facts.acr,
      sid: facts.sessionId,
      token_issuer: facts.issuer.issuer,
    })
    // An assertion that expires with the token is not renewed: a new one would expire at the same time.
    derived.assertionRenewAtMs = expiresAtS === tokenEndS ? Number.POSITIVE_INFINITY : nowMs + (lifetimeS * 1000) / 2
    return derived.assertion
  }

  /** Builds a compact JWS (RFC 7515 §7.1). Claims with the value `undefined` are omitted. */
  #signed(claims: Readonly<Record<string, unknown>>): string {
    const input = this.#head + encoded(claims)
    const signature = sign('sha256', Buffer.from(input, 'latin1'), this.#key.privateKey)
    return `${input}.${ecdsaFromDer(signature, P256_BYTES).toString('base64url')}`
  }
}

function encoded(part: Readonly<Record<string, unknown>>): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

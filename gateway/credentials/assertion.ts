import { randomUUID, sign } from 'node:crypto'
import { ecdsaFromDer } from '../oauth/ecdsa-signature.ts'
import type { Derived, TokenFacts } from '../oauth/token-facts.ts'
import { type AssertionKey, type AssertionKeySource, importAssertionKey } from './assertion-key.ts'

/** Longest life of an assertion: it bounds how long a service believes what was decided. */
const lifetimeS = 60

/** Of each of the two numbers in a signature. */
const P256_BYTES = 32

/** Tells services who the subject of an exchange is: a short-lived JWT signed by the gate, made for one service. */
export class AssertionSigner {
  /** The public keys, all of them, as a JSON Web Key Set (RFC 7517 §5). */
  readonly jwks: string
  readonly #issuer: string
  readonly #key: AssertionKey
  /** The protected header, encoded, and the dot behind it. */
  readonly #head: string

  private constructor(keys: readonly [AssertionKey, ...AssertionKey[]], issuer: string) {
    this.jwks = JSON.stringify({ keys: keys.map((key) => key.published) })
    this.#issuer = issuer
    this.#key = keys[0]
    this.#head = `${encoded({ alg: 'ES256', kid: keys[0].id, typ: 'gatehouse-assertion+jwt' })}.`
  }

  /**
   * @param keys    the first signs; all are published, so that a rotation can overlap
   * @param issuer  `iss` of the assertions: the public URL
   * @throws {Error} when there is no key, a key is unusable, or two share an id
   */
  static async create(keys: readonly AssertionKeySource[], options: { issuer: string }): Promise<AssertionSigner> {
    const [first, ...others] = await Promise.all(keys.map(importAssertionKey))
    if (first === undefined) throw new Error('no assertion key; make one with: gatehouse keys generate assertion')
    const ids = keys.map((key) => key.id)
    const repeated = ids.find((id, i) => ids.indexOf(id) !== i)
    if (repeated !== undefined) throw new Error(`two assertion keys have the id ${JSON.stringify(repeated)}`)
    return new AssertionSigner([first, ...others], options.issuer)
  }

  /**
   * The assertion of a token for a service: the one kept in `derived`, until half its life is over, else a new one.
   * It never outlives the token.
   *
   * Signs at once: it takes less than the rest of the request does, and only a verified token brings it about.
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
    // One that ends with the token cannot be renewed: the next would end no later.
    derived.assertionRenewAtMs = expiresAtS === tokenEndS ? Number.POSITIVE_INFINITY : nowMs + (lifetimeS * 1000) / 2
    return derived.assertion
  }

  /** A JWS in compact form (RFC 7515 §7.1). What is `undefined` is left out. */
  #signed(claims: Readonly<Record<string, unknown>>): string {
    const input = this.#head + encoded(claims)
    const signature = sign('sha256', Buffer.from(input, 'latin1'), this.#key.privateKey)
    return `${input}.${ecdsaFromDer(signature, P256_BYTES).toString('base64url')}`
  }
}

function encoded(part: Readonly<Record<string, unknown>>): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

import { randomUUID, sign } from 'node:crypto'
import { ecdsaFromDer } from '../oauth/ecdsa-signature.ts'
import type { Derived, TokenFacts } from '../oauth/token-facts.ts'
import { type AssertionKey, type AssertionKeySource, importAssertionKey } from './assertion-key.ts'

/**
 * Maximum lifetime of an identity assertion, s. It limits how long a service can use an outdated decision of the gate.
 */
const lifetimeS = 60

/** Length of each of the two numbers of an ES256 signature, bytes. */
const P256_BYTES = 32

/**
 * Issues identity assertions: JWTs signed by the gate that tell one service who the subject of an exchange is. An
 * assertion is valid for at most 60 s.
 */
export class AssertionSigner {
  /** JSON Web Key Set of all public assertion keys (RFC 7517 §5), serialized. */
  jwks!: string
  readonly #issuer: string
  #key!: AssertionKey
  /** Base64url-encoded protected JWS header of every assertion, including the dot after it. */
  #head!: string

  private constructor(keys: readonly [AssertionKey, ...AssertionKey[]], issuer: string) {
    this.#issuer = issuer
    this.use(keys)
  }

  /**
   * Creates a signer of identity assertions.
   *
   * @param keys     assertion keys. The first key signs; all are published, so that services can verify assertions
   *   during a change of keys
   * @param options  `issuer`: value of the claim `iss` of the assertions; callers pass the first public URL of the gate
   * @throws {Error} when there is no key, a key is unusable, or two keys have the same id
   */
  static async create(keys: readonly AssertionKeySource[], options: { issuer: string }): Promise<AssertionSigner> {
    const [first, ...others] = await Promise.all(keys.map(importAssertionKey))
    if (first === undefined)
      throw new Error('no assertion key is configured; make one with: gatehouse keys generate assertion')
    const ids = keys.map((key) => key.id)
    const repeated = ids.find((id, i) => ids.indexOf(id) !== i)
    if (repeated !== undefined) throw new Error(`duplicate assertion key id ${JSON.stringify(repeated)}`)
    return new AssertionSigner([first, ...others], options.issuer)
  }

  /**
   * Replaces the keys of the signer: signs assertions with the first of these keys from now on, and publishes all of
   * them.
   */
  use([first, ...others]: readonly [AssertionKey, ...AssertionKey[]]): void {
    this.jwks = JSON.stringify({ keys: [first, ...others].map((key) => key.published) })
    this.#key = first
    this.#head = `${encoded({ alg: 'ES256', kid: first.id, typ: 'gatehouse-assertion+jwt' })}.`
  }

  /**
   * Returns an identity assertion about the subject of a token, for one service. Reuses the assertion in `derived`
   * until half of its lifetime has passed. An assertion never expires later than its token.
   *
   * Signs synchronously, because signing takes less time than the rest of a request. Only a request with a valid token
   * causes a signature.
   *
   * @param nowMs  current time, ms since the epoch
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
    // Do not renew an assertion that expires together with its token: a new assertion would expire at the same time.
    derived.assertionRenewAtMs = expiresAtS === tokenEndS ? Number.POSITIVE_INFINITY : nowMs + (lifetimeS * 1000) / 2
    return derived.assertion
  }

  /**
   * Builds an identity assertion as a JWS in compact form (RFC 7515 §7.1). Claims with the value `undefined` are
   * omitted.
   */
  #signed(claims: Readonly<Record<string, unknown>>): string {
    const input = this.#head + encoded(claims)
    const signature = sign('sha256', Buffer.from(input, 'latin1'), this.#key.privateKey)
    return `${input}.${ecdsaFromDer(signature, P256_BYTES).toString('base64url')}`
  }
}

function encoded(part: Readonly<Record<string, unknown>>): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

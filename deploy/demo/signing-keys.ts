import { generateKeyPairSync, type JsonWebKey, randomUUID } from 'node:crypto'

interface SigningKey {
  readonly jwk: JsonWebKey
  /** Time at which the issuer stops publishing the key, ms since the epoch; `undefined`: the key signs new tokens. */
  readonly retiredUntilMs: number | undefined
}

/**
 * Signing keys of the demo issuer: for each algorithm one key that signs, and retired keys that are published for
 * verification.
 */
export class SigningKeys {
  readonly #retiredForMs: number
  #keys: readonly SigningKey[] = freshKeys()

  /** @param retiredForMs  time for which a retired key is still published, ms: the longest lifetime of a token */
  constructor(retiredForMs: number) {
    this.#retiredForMs = retiredForMs
  }

  /** Creates new signing keys. The previous keys are only published for verification until their time ends. */
  rotate(nowMs = Date.now()): void {
    const retiredUntilMs = nowMs + this.#retiredForMs
    const retired = this.#keys.map((key) => (key.retiredUntilMs === undefined ? { ...key, retiredUntilMs } : key))
    this.#keys = [...freshKeys(), ...retired]
  }

  /** Removes retired keys whose time has ended. @returns whether any key was removed */
  expire(nowMs = Date.now()): boolean {
    const kept = this.#keys.filter(({ retiredUntilMs }) => retiredUntilMs === undefined || retiredUntilMs > nowMs)
    const withdrawn = kept.length < this.#keys.length
    this.#keys = kept
    return withdrawn
  }

  /**
   * Returns all keys with their private parts, signing keys first, because oidc-provider signs with the first key of an
   * algorithm.
   */
  jwks(): { keys: JsonWebKey[] } {
    return { keys: this.#keys.map(({ jwk }) => jwk) }
  }
}

function freshKeys(): readonly SigningKey[] {
  const pairs = [
    { alg: 'ES256', pair: generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
    { alg: 'RS256', pair: generateKeyPairSync('rsa', { modulusLength: 2048 }) },
  ]
  return pairs.map(({ alg, pair }) => ({
    jwk: { ...pair.privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg.toLowerCase()}-${randomUUID()}` },
    retiredUntilMs: undefined,
  }))
}

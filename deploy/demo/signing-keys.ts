import { generateKeyPairSync, type JsonWebKey, randomUUID } from 'node:crypto'

interface SigningKey {
  readonly jwk: JsonWebKey
  /** Time until which the key stays published, ms since the epoch; `undefined`: the key is in use. */
  readonly retiredUntilMs: number | undefined
}

/** Signing keys of the issuer: one in use per algorithm, and retired keys that are still published. */
export class SigningKeys {
  readonly #retiredForMs: number
  #keys: readonly SigningKey[] = freshKeys()

  /** @param retiredForMs  time for which a retired key stays published: the longest lifetime of a token */
  constructor(retiredForMs: number) {
    this.#retiredForMs = retiredForMs
  }

  /** Creates new keys for signatures. The previous keys stay published for verification only. */
  rotate(nowMs = Date.now()): void {
    const retiredUntilMs = nowMs + this.#retiredForMs
    const retired = this.#keys.map((key) => (key.retiredUntilMs === undefined ? { ...key, retiredUntilMs } : key))
    this.#keys = [...freshKeys(), ...retired]
  }

  /** Removes retired keys whose time has ended. @returns whether any was removed */
  expire(nowMs = Date.now()): boolean {
    const kept = this.#keys.filter(({ retiredUntilMs }) => retiredUntilMs === undefined || retiredUntilMs > nowMs)
    const withdrawn = kept.length < this.#keys.length
    this.#keys = kept
    return withdrawn
  }

  /** All keys with their private parts, keys in use first: oidc-provider signs with the first key of an algorithm. */
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

import { generateKeyPairSync, type JsonWebKey, randomUUID } from 'node:crypto'

interface SigningKey {
  readonly jwk: JsonWebKey
  /** Published until then, ms since the epoch; `undefined`: in use. */
  readonly retiredUntilMs: number | undefined
}

/** The issuer's signing keys: one in use for each algorithm, and retired ones that are published a while longer. */
export class SigningKeys {
  readonly #retiredForMs: number
  #keys: readonly SigningKey[] = freshKeys()

  /** @param retiredForMs  how long a retired key stays published: as long as a token that it signed can live */
  constructor(retiredForMs: number) {
    this.#retiredForMs = retiredForMs
  }

  /** New keys sign from now on; those in use until now only verify. */
  rotate(nowMs = Date.now()): void {
    const retiredUntilMs = nowMs + this.#retiredForMs
    const retired = this.#keys.map((key) => (key.retiredUntilMs === undefined ? { ...key, retiredUntilMs } : key))
    this.#keys = [...freshKeys(), ...retired]
  }

  /** Withdraws the retired keys whose time is over. @returns whether there were any */
  expire(nowMs = Date.now()): boolean {
    const kept = this.#keys.filter(({ retiredUntilMs }) => retiredUntilMs === undefined || retiredUntilMs > nowMs)
    const withdrawn = kept.length < this.#keys.length
    this.#keys = kept
    return withdrawn
  }

  /** With their private parts, those in use first: the first of an algorithm is the one that signs. */
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

import { createHash, type JsonWebKey, randomUUID } from 'node:crypto'
import type { TestIssuer, TokenOverrides } from './issuer.ts'
import { type Algorithm, compactJws, type SigningKey, signingKey } from './signing-key.ts'

const thumbprintMembers: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

/** Differences from a valid DPoP proof; a value of `undefined` leaves a member out. */
export interface ProofOverrides {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  /** Key that signs the proof. Default: the key of the client. */
  readonly key?: SigningKey
}

/** A client with a key pair, which makes DPoP proofs (RFC 9449). */
export class DpopClient {
  readonly key: SigningKey
  readonly jwk: JsonWebKey
  /** SHA-256 thumbprint of the public key (RFC 7638). */
  readonly thumbprint: string

  constructor(algorithm: Algorithm = 'ES256') {
    this.key = signingKey(algorithm)
    const { kid: _kid, alg: _alg, use: _use, ...jwk } = this.key.publicJwk as Record<string, string>
    this.jwk = jwk
    const ordered = Object.fromEntries(thumbprintMembers[jwk['kty']!]!.map((name) => [name, jwk[name]]))
    this.thumbprint = createHash('sha256').update(JSON.stringify(ordered)).digest('base64url')
  }

  /** A token of the issuer that is bound to the key of this client. */
  tokenOf(issuer: TestIssuer, overrides: TokenOverrides = {}): string {
    return issuer.sign({ ...overrides, claims: { cnf: { jkt: this.thumbprint }, ...overrides.claims } })
  }

  /** Makes a DPoP proof for one request. */
  proof(url: string, token: string, { header, claims, key = this.key }: ProofOverrides = {}): string {
    const goodClaims = {
      jti: randomUUID(),
      htm: 'GET',
      htu: url,
      iat: Math.floor(Date.now() / 1000),
      ath: createHash('sha256').update(token).digest('base64url'),
    }
    return compactJws({ typ: 'dpop+jwt', alg: key.alg, jwk: this.jwk, ...header }, { ...goodClaims, ...claims }, key)
  }
}

/** Fields of a request with a bound token and its proof. */
export function dpopFields(token: string, proof: string): [name: string, value: string][] {
  return [
    ['Authorization', `DPoP ${token}`],
    ['DPoP', proof],
  ]
}

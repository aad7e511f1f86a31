import type { CryptoKey } from 'jose'
import type { SignatureCheck } from '../oauth/jws-signature.ts'
import type { IssuerRules, KeyState } from '../oauth/token-facts.ts'

/** A public key of an issuer, restricted to one algorithm. */
export interface VerificationKey extends KeyState {
  readonly keyId: string | undefined
  readonly algorithm: string
  /** The key in the form in which the library jose uses it. */
  readonly cryptoKey: CryptoKey
  readonly verify: SignatureCheck
}

/** Outcome of a key set fetch. `failed` is a fault of the gate or the issuer (503), never an invalid token (401). */
export type FetchOutcome = 'succeeded' | 'failed'

/** The keys of exactly one issuer. A token is never verified with the keys of another issuer (RFC 8725 §3.8). */
export interface TokenKeys {
  /**
   * Returns the cached keys that could have signed a token: the keys with the algorithm and the `kid` of the token, at
   * most 4. For a token without `kid`: the key of the algorithm if there is exactly one, else no key.
   */
  candidates(keyId: string | undefined, algorithm: string): readonly VerificationKey[]
  /**
   * Fetches the issuer's keys again. Concurrent callers share one fetch. For a minimum time after a fetch, returns its
   * outcome instead of fetching again. Never rejects.
   */
  refetch(): Promise<FetchOutcome>
  /**
   * Fetches the issuer's keys again for a JWT that its sender will not send again. After a recent fetch, waits until
   * the next fetch is allowed. Never rejects.
   */
  refetchFor(sender: JwtSender): Promise<FetchOutcome>
}

/** The sender of a JWT: `issuer` for a JWT in a reply to the gate, `anyone` for a JWT in a request to the gate. */
export type JwtSender = 'issuer' | 'anyone'

export interface KeySource {
  keySetOf(rules: IssuerRules): TokenKeys
}

import type { CryptoKey } from 'jose'
import type { SignatureCheck } from '../oauth/jws-signature.ts'
import type { IssuerRules, KeyState } from '../oauth/token-facts.ts'

/** A public key of an issuer, for one algorithm. */
export interface VerificationKey extends KeyState {
  readonly keyId: string | undefined
  readonly algorithm: string
  /** The key as jose uses it. */
  readonly cryptoKey: CryptoKey
  readonly verify: SignatureCheck
}

/** Outcome of a key fetch. `failed` is a fault of gate or issuer (503), never of the token. */
export type FetchOutcome = 'succeeded' | 'failed'

/** The keys of one issuer only (RFC 8725 §3.8). */
export interface TokenKeys {
  /**
   * Cached keys that may have signed a token: those with its `kid`. Without a `kid`, the only key that fits the
   * algorithm. At most 4.
   */
  candidates(keyId: string | undefined, algorithm: string): readonly VerificationKey[]
  /** Fetches the keys again. All callers share one fetch, at most once per cooldown. Never rejects. */
  refetch(): Promise<FetchOutcome>
  /**
   * Fetches the keys again for a JWT that its sender does not repeat. After a recent fetch, waits until the issuer may
   * be asked again. Never rejects.
   */
  refetchFor(sender: JwtSender): Promise<FetchOutcome>
}

/** The sender of a JWT: the issuer, in a reply to the gate, or anyone, in a request to the gate. */
export type JwtSender = 'issuer' | 'anyone'

export interface KeySource {
  keySetOf(rules: IssuerRules): TokenKeys
}

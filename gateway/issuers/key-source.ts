import type { CryptoKey } from 'jose'
import type { SignatureCheck } from '../oauth/jws-signature.ts'
import type { IssuerRules, KeyState } from '../oauth/token-facts.ts'

/** A public key of an issuer, for one algorithm. */
export interface VerificationKey extends KeyState {
  readonly keyId: string | undefined
  readonly algorithm: string
  /** For jose. */
  readonly cryptoKey: CryptoKey
  readonly verify: SignatureCheck
}

/** How a fetch of keys ended. `failed` is our trouble (503), never the token's. */
export type FetchOutcome = 'succeeded' | 'failed'

/** The keys of one issuer, and of no other (RFC 8725 §3.8). */
export interface TokenKeys {
  /**
   * Keys at hand that a token may have been signed with: those with its `kid`, or without one the only key that fits
   * the algorithm. At most 4.
   */
  candidates(keyId: string | undefined, algorithm: string): readonly VerificationKey[]
  /** Asks the issuer again; shared by all callers, and at most once per cooldown. Never rejects. */
  refetch(): Promise<FetchOutcome>
  /**
   * Asks the issuer again for a JWT whose sender does not send it twice. Where the last fetch was too recent, waits until the
   * issuer may be asked again. Never rejects.
   */
  refetchFor(sender: JwtSender): Promise<FetchOutcome>
}

/** Who sent a JWT: the issuer, in a reply that the gate asked for; or anyone, in a request to the gate. */
export type JwtSender = 'issuer' | 'anyone'

export interface KeySource {
  keySetOf(rules: IssuerRules): TokenKeys
}

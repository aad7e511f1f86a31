import { denial } from '../../base/denial.ts'
import { dpopChallenge } from '../../oauth/challenge.ts'
import type { ProofReason } from '../../oauth/dpop-proof.ts'
import type { Unrevoked } from '../exchange/exchange.ts'
import type { ConfirmationMethod } from './confirmation-method.ts'
import { proofDenial } from './proof-denials.ts'
import { isRequestUrl } from './proof-url.ts'

const missing = denial('proof-missing', { challenge: dpopChallenge({ error: 'invalid_token' }) })

/** Proof of possession by a DPoP proof (RFC 9449): `Authorization: DPoP` with a signed proof for this request. */
export const dpopMethod: ConfirmationMethod<ProofReason | 'proof-missing' | 'address-limited'> = {
  member: 'jkt',
  reasons: [
    'proof-missing',
    'proof-malformed',
    'proof-key',
    'proof-signature',
    'proof-method',
    'proof-url',
    'proof-token',
    'proof-time',
    'proof-nonce',
    'address-limited',
  ],
  prove(x, thumbprint) {
    const { dpop } = x.head
    if (x.scheme !== 'dpop' || dpop === undefined) return missing
    const validated = x.gate.proofs.validate(dpop, new RequestExpectation(x, thumbprint))
    if (typeof validated === 'object') {
      x.proof = validated
      return undefined
    }
    if (validated === 'address-limited') return x.gate.addressLimited
    // Charge the client address for an invalid signature of a proof, which costs a verification like that of a token.
    if (validated === 'proof-signature') x.gate.addressLimit.charge(x.address, 'verification')
    return proofDenial(x, validated)
  },
}

/** Returns the expected contents of the DPoP proof of one request. */
class RequestExpectation {
  readonly #x: Unrevoked
  readonly thumbprint: string

  constructor(x: Unrevoked, thumbprint: string) {
    this.#x = x
    this.thumbprint = thumbprint
  }

  get token(): string {
    return this.#x.credential
  }

  get method(): string {
    return this.#x.method
  }

  get nowMs(): number {
    return this.#x.nowMs
  }

  isUrl(htu: string): boolean {
    return isRequestUrl(this.#x, htu)
  }

  mayVerify(): boolean {
    return !this.#x.gate.addressLimit.exhausted(this.#x.address)
  }
}

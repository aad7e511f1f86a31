import { type Denial, denial } from '../../base/denial.ts'
import { dpopChallenge } from '../../oauth/challenge.ts'
import type { ProofReason } from '../../oauth/dpop-proof.ts'
import type { Exchange } from '../exchange/exchange.ts'

const invalidProof = { challenge: dpopChallenge({ error: 'invalid_dpop_proof' }) }
const replayed = denial('proof-replayed', invalidProof)

const denials: { readonly [R in ProofReason]: Denial<R> } = {
  'proof-malformed': denial('proof-malformed', invalidProof),
  'proof-key': denial('proof-key', invalidProof),
  'proof-signature': denial('proof-signature', invalidProof),
  'proof-method': denial('proof-method', invalidProof),
  'proof-url': denial('proof-url', invalidProof),
  'proof-token': denial('proof-token', invalidProof),
  'proof-time': denial('proof-time', invalidProof),
  'proof-nonce': denial('proof-nonce', { challenge: dpopChallenge({ error: 'use_dpop_nonce' }) }),
}

/** Denial of an invalid DPoP proof. Contains a nonce when the next proof needs one (RFC 9449 §9). */
export function proofDenial(x: Exchange, reason: ProofReason): Denial<ProofReason> {
  return withNonce(x, denials[reason])
}

/** Denial of a DPoP proof that was used before. */
export function proofReplayed(x: Exchange): Denial<'proof-replayed'> {
  return withNonce(x, replayed)
}

function withNonce<D extends Denial>(x: Exchange, refusal: D): D {
  const { nonces } = x.gate.proofs
  if (!nonces.isRequired(x.nowMs)) return refusal
  return { ...refusal, fields: [['dpop-nonce', nonces.issue(x.nowMs)]] }
}

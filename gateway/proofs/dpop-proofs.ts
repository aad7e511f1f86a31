import { hash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import { type DpopProof, type ProofReason, readProof, readProofHeader } from '../oauth/dpop-proof.ts'
import { proofSignatureCheck, thumbprintedKey } from './proof-key.ts'
import { type KnownProofKey, ProofKeys } from './proof-keys.ts'
import { NONCE_RENEW_MS, type ProofNonces } from './proof-nonces.ts'
import { RecentSet } from './recent-set.ts'
import type { UsedProofs } from './used-proofs.ts'

/**
 * Additional time for which a used proof stays recorded after the accepted range of `iat`, ms, because the clocks of
 * nodes differ.
 */
const CLOCK_SKEW_MS = 10_000
/** Maximum number of used proofs in each of the two generations that the node itself records: about 25 MB in total. */
const OWN_RECORDS_MAX = 131_072
/**
 * Time for which a DPoP key is checked more strictly after an invalid signature, ms. `SUSPECTS_MAX`: maximum number of
 * such keys.
 */
const SUSPECT_MS = 10_000
const SUSPECTS_MAX = 16_384

/** Returns the time for which a used proof must be recorded, ms: as long as any node would accept the proof. */
export function recordLifeMs(iatWindowMs: number): number {
  return 2 * iatWindowMs + CLOCK_SKEW_MS
}

/** Expected contents of a DPoP proof (RFC 9449 §4.3). */
export interface ProofExpectation {
  /** Thumbprint of the key to which the access token is bound. */
  readonly thumbprint: string
  readonly token: string
  readonly method: string
  readonly nowMs: number
  /** Returns whether a URL (the claim `htu`) is the URL of the request. */
  isUrl(htu: string): boolean
  /**
   * Returns whether the client address may cause another signature check. Called only for a key with recent invalid
   * signatures.
   */
  mayVerify(): boolean
}

/** A DPoP proof that has passed all checks except the check for reuse (replay). */
export interface ValidProof {
  /** Name of the proof: hash of the thumbprint and `jti`, in hexadecimal. */
  readonly id: string
  /** Nonce for the client's next proof, when the nonce of this one will expire soon (RFC 9449 §8.2). */
  readonly nonce: string | undefined
}

export interface DpopProofsOptions {
  readonly iatWindowMs: number
  readonly nonces: ProofNonces
  /** Records of used proofs that all nodes share; `undefined` for a node without Redis, which keeps its own records. */
  readonly used: UsedProofs | undefined
  /** Returns the monotonic time, ms. */
  readonly now?: () => number
}

/** Validates DPoP proofs, and admits each proof once. */
export class DpopProofs {
  readonly nonces: ProofNonces
  readonly #iatWindowMs: number
  readonly #used: UsedProofs | undefined
  readonly #keys = new ProofKeys()
  /**
   * Proofs that this node has admitted, while Redis does not record them.
   *
   * @bound {@link OWN_RECORDS_MAX} proofs in each of two generations | further proofs are refused | none
   */
  readonly #own: RecentSet
  /**
   * Thumbprints of keys with which a proof failed its verification.
   *
   * @bound {@link SUSPECTS_MAX} texts in each of two generations | further texts are not remembered | none
   */
  readonly #suspects: RecentSet

  constructor({ iatWindowMs, nonces, used, now = () => performance.now() }: DpopProofsOptions) {
    this.nonces = nonces
    this.#iatWindowMs = iatWindowMs
    this.#used = used
    this.#own = new RecentSet(recordLifeMs(iatWindowMs), OWN_RECORDS_MAX, now)
    this.#suspects = new RecentSet(SUSPECT_MS, SUSPECTS_MAX, now)
  }

  /**
   * Validates a proof for one request. Pure, except for the cache of keys. The signature is verified last: about 70 µs,
   * and only for the key to which the token is bound.
   *
   * @returns the reason of the rejection; `address-limited` when the key had invalid signatures within the last 10 s,
   *   and the client address caused too many
   */
  validate(text: string, expected: ProofExpectation): ValidProof | ProofReason | 'address-limited' {
    const proof = readProof(text)
    if (typeof proof === 'string') return proof
    const { thumbprint, nowMs } = expected
    const known = this.#keys.find(thumbprint)
    const key = known?.head === proof.head ? known : newKey(proof.head, thumbprint)
    if (typeof key === 'string') return key
    const flaw = this.#flawIn(proof, expected)
    if (flaw !== undefined) return flaw
    if (this.#suspects.has(thumbprint) && !expected.mayVerify()) return 'address-limited'
    const usable = 'verify' in key ? key : importKey(key)
    if (usable === undefined) return 'proof-malformed'
    if (!usable.verify(text)) {
      this.#suspects.add(thumbprint)
      return 'proof-signature'
    }
    if (usable !== known) this.#keys.add(thumbprint, usable)
    const { jti, nonce } = proof.claims
    const id = hash('sha256', `${thumbprint}${jti}`, 'hex').slice(0, 32)
    return { id, nonce: this.#newerNonce(nonce, nowMs) }
  }

  #flawIn({ claims }: DpopProof, expected: ProofExpectation): ProofReason | undefined {
    const { htm, htu, ath, issuedAtS, nonce } = claims
    const { nowMs } = expected
    if (htm !== expected.method) return 'proof-method'
    if (!expected.isUrl(htu)) return 'proof-url'
    if (ath !== hash('sha256', expected.token, 'base64url')) return 'proof-token'
    if (Math.abs(nowMs - issuedAtS * 1000) > this.#iatWindowMs) return 'proof-time'
    if (!this.nonces.isRequired(nowMs)) return undefined
    return nonce !== undefined && this.nonces.ageMs(nonce, nowMs) !== undefined ? undefined : 'proof-nonce'
  }

  #newerNonce(nonce: string | undefined, nowMs: number): string | undefined {
    if (nonce === undefined || !this.nonces.isRequired(nowMs)) return undefined
    return this.nonces.ageMs(nonce, nowMs)! < NONCE_RENEW_MS ? undefined : this.nonces.issue(nowMs)
  }

  /**
   * Admits a valid proof, unless it was used before. The proof is recorded for as long as any node would accept it.
   *
   * @param onOutage  behaviour while Redis is unavailable. `node`: the node's own records decide
   * @returns whether the proof is used for the first time
   * @throws {GatewayFault} `store-unavailable`, directly or as a rejection, when the proof cannot be recorded
   */
  use(id: string, onOutage: 'closed' | 'node'): boolean | Promise<boolean> {
    if (this.#used === undefined) return this.#useHere(id)
    return onOutage === 'closed' ? this.#used.use(id) : this.#useWithFallback(id, this.#used)
  }

  /**
   * Record the proof on this node too, so that a proof that was used before an outage is rejected during the outage.
   */
  async #useWithFallback(id: string, used: UsedProofs): Promise<boolean> {
    if (this.#own.has(id)) return false
    const recorded = this.#own.add(id)
    try {
      return await used.use(id)
    } catch (error) {
      if (!recorded || !(error instanceof GatewayFault) || error.reason !== 'store-unavailable') throw error
      return true
    }
  }

  #useHere(id: string): boolean {
    if (this.#own.has(id)) return false
    if (this.#own.add(id)) return true
    throw new GatewayFault(
      'store-unavailable',
      'node',
      'the node has the maximum number of records of used DPoP proofs',
    )
  }
}

/** Imports the public key of a proof. Its thumbprint is the expected one, and the key has not been imported yet. */
interface NewKey {
  readonly head: string
  readonly import: () => ReturnType<typeof proofSignatureCheck>
}

function newKey(head: string, thumbprint: string): NewKey | 'proof-malformed' | 'proof-key' {
  const header = readProofHeader(head)
  if (typeof header === 'string') return header
  const key = thumbprintedKey(header.jwk)
  if (key === undefined) return 'proof-malformed'
  if (key.thumbprint !== thumbprint) return 'proof-key'
  return { head, import: () => proofSignatureCheck(header, key) }
}

function importKey({ head, import: importNow }: NewKey): KnownProofKey | undefined {
  const verify = importNow()
  return verify && { head, verify }
}

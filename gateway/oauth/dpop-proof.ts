import { type JsonObject, member } from './json.ts'
import { isCanonicalPart, readJwsPart } from './jws.ts'

/**
 * Accepted algorithms of DPoP proofs. Every request needs one verification on the event loop, so only algorithms whose
 * verification takes less than 80 µs are accepted. ES384 takes about 650 µs and ES512 about 1.3 ms.
 */
export const proofAlgorithms = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const

/** Reasons for which a DPoP proof is rejected, except its reuse (replay). */
export type ProofReason =
  | 'proof-malformed'
  | 'proof-key'
  | 'proof-signature'
  | 'proof-method'
  | 'proof-url'
  | 'proof-token'
  | 'proof-time'
  | 'proof-nonce'

/** Maximum length of a DPoP proof, characters. A proof with an RSA key of 4096 bits has about 2200. */
const PROOF_MAX = 8192
/** Maximum length of `jti`, characters. RFC 9449 §4.2 asks for at least 96 random bits, which are 16 characters. */
const JTI_MAX = 256

/** A DPoP proof, split into its parts. Only the form of the proof has been checked. */
export interface DpopProof {
  /** First part of the proof, as sent: the header in base64url. Clients send the same header with every proof. */
  readonly head: string
  readonly claims: ProofClaims
}

/** Claims of a DPoP proof (RFC 9449 §4.2). Their types have been checked. */
export interface ProofClaims {
  readonly jti: string
  readonly htm: string
  readonly htu: string
  /** Claim `iat`: time at which the client made the proof, s since the Unix epoch. */
  readonly issuedAtS: number
  readonly ath: string
  readonly nonce: string | undefined
}

/** Header of a DPoP proof (RFC 9449 §4.2). */
export interface ProofHeader {
  readonly algorithm: string
  /** The public key of the DPoP proof. Its members have not been checked. */
  readonly jwk: JsonObject
}

/**
 * Parses the claims of a DPoP proof; its header is parsed separately. Accepts only the canonical text of a proof, like
 * {@link readJws}.
 */
export function readProof(text: string): DpopProof | 'proof-malformed' | 'proof-token' {
  if (text.length > PROOF_MAX) return 'proof-malformed'
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (first < 1 || second === -1 || !isCanonicalPart(text.slice(second + 1))) return 'proof-malformed'
  const claims = readJwsPart(text.slice(first + 1, second))
  if (typeof claims === 'string') return 'proof-malformed'
  const read = readClaims(claims)
  return typeof read === 'string' ? read : { head: text.slice(0, first), claims: read }
}

function readClaims(claims: JsonObject): ProofClaims | 'proof-malformed' | 'proof-token' {
  const jti = member(claims, 'jti')
  const htm = member(claims, 'htm')
  const htu = member(claims, 'htu')
  const issuedAtS = member(claims, 'iat')
  const ath = member(claims, 'ath')
  const nonce = member(claims, 'nonce')
  if (typeof jti !== 'string' || jti === '' || jti.length > JTI_MAX || !jti.isWellFormed()) return 'proof-malformed'
  if (typeof htm !== 'string' || typeof htu !== 'string') return 'proof-malformed'
  if (typeof issuedAtS !== 'number' || !Number.isFinite(issuedAtS)) return 'proof-malformed'
  if (nonce !== undefined && typeof nonce !== 'string') return 'proof-malformed'
  // Reject a proof without `ath`: it was made for a token endpoint, where the client has no access token yet (RFC 9449
  // §4.2).
  if (ath === undefined) return 'proof-token'
  return typeof ath === 'string' ? { jti, htm, htu, issuedAtS, ath, nonce } : 'proof-malformed'
}

/**
 * Reads the header of a DPoP proof (RFC 9449 §4.3): `typ`, an accepted asymmetric `alg`, and `jwk`. Members that name a
 * key elsewhere (`kid`, `jku`, `x5u`) have no effect.
 */
export function readProofHeader(head: string): ProofHeader | 'proof-malformed' {
  const header = readJwsPart(head)
  if (typeof header === 'string') return 'proof-malformed'
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return 'proof-malformed'
  const algorithm = member(header, 'alg')
  const jwk = member(header, 'jwk')
  if (member(header, 'typ') !== 'dpop+jwt' || !proofAlgorithms.some((name) => name === algorithm)) {
    return 'proof-malformed'
  }
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return 'proof-malformed'
  return { algorithm: algorithm as string, jwk: jwk as JsonObject }
}

import { createPublicKey, hash, type JsonWebKey, type KeyObject } from 'node:crypto'
import { isRocaModulus } from '../issuers/roca-modulus.ts'
import type { ProofHeader } from '../oauth/dpop-proof.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { type ImmediateSignatureCheck, immediateSignatureCheck } from '../oauth/jws-signature.ts'

/** Required public members of a key by its type, in the order of a thumbprint (RFC 7638 §3.2, RFC 8037 §2). */
const publicMembers: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

/** Members of a private or symmetric key (RFC 7518 §6.2.2, §6.3.2, §6.4.1). RFC 9449 §4.3: a proof must not have them. */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const

/** Largest RSA key of a DPoP proof, bits. Its signature check takes about 65 µs. */
const RSA_MAX_BITS = 4096

/** Public key of a DPoP proof, with its thumbprint. */
export interface ThumbprintedKey {
  /** SHA-256 thumbprint of the DPoP key (RFC 7638), in base64url. */
  readonly thumbprint: string
  readonly material: JsonWebKey
}

/**
 * Computes the thumbprint of the key of a proof, without importing the key.
 *
 * @returns `undefined` when the key is not a public key of a supported type
 */
export function thumbprintedKey(jwk: JsonObject): ThumbprintedKey | undefined {
  const type = member(jwk, 'kty')
  if (typeof type !== 'string' || !Object.hasOwn(publicMembers, type)) return undefined
  if (secretMembers.some((name) => Object.hasOwn(jwk, name))) return undefined
  const material: Record<string, string> = {}
  for (const name of publicMembers[type]!) {
    const value = member(jwk, name)
    if (typeof value !== 'string') return undefined
    material[name] = value
  }
  return { thumbprint: hash('sha256', JSON.stringify(material), 'base64url'), material }
}

/**
 * Imports the key of a proof, and creates the signature check. Only the public members of the key have an effect.
 *
 * @returns `undefined` when the key is invalid, does not fit the algorithm, or is an unsafe RSA key
 */
export function proofSignatureCheck(
  { algorithm }: ProofHeader,
  { material }: ThumbprintedKey,
): ImmediateSignatureCheck | undefined {
  try {
    const key = createPublicKey({ key: material, format: 'jwk' })
    return isSafe(key, material) ? immediateSignatureCheck(algorithm, key) : undefined
  } catch {
    return undefined
  }
}

/**
 * Reject an unsafe RSA key: RFC 7518 §3.3 requires at least 2048 bits. With an exponent of 1, any signature would be
 * valid.
 */
function isSafe({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, { n }: JsonWebKey): boolean {
  if (asymmetricKeyType !== 'rsa') return true
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails!
  if (modulusLength < 2048 || modulusLength > RSA_MAX_BITS) return false
  if (publicExponent < 3n || publicExponent % 2n === 0n || publicExponent >= 2n ** 33n) return false
  return !isRocaModulus(BigInt(`0x${Buffer.from(n!, 'base64url').toString('hex')}`))
}

import { KeyObject, type webcrypto } from 'node:crypto'
import { importJWK, type JWK } from 'jose'
import { type SignatureCheck, signatureCheck } from '../oauth/jws-signature.ts'
import type { VerificationKey } from './key-source.ts'
import { isRocaModulus } from './roca-modulus.ts'

/** Key type and curve for each supported signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). */
const algorithmKeys: Readonly<Record<string, { readonly kty: string; readonly crv?: string }>> = {
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
}

const publicMembers: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'x', 'y'],
  RSA: ['n', 'e'],
  OKP: ['crv', 'x'],
}

const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const

/** A published key of an issuer, restricted to one algorithm. */
export class PublishedKey implements VerificationKey {
  readonly keyId: string | undefined
  readonly algorithm: string
  readonly cryptoKey: VerificationKey['cryptoKey']
  readonly verify: SignatureCheck
  /** Text that contains `kid`, algorithm and key material. Two keys with equal texts are the same key. */
  readonly identity: string
  live = true

  constructor(keyId: string | undefined, algorithm: string, cryptoKey: VerificationKey['cryptoKey'], identity: string) {
    this.keyId = keyId
    this.algorithm = algorithm
    this.cryptoKey = cryptoKey
    this.verify = signatureCheck(algorithm, KeyObject.from(cryptoKey as webcrypto.CryptoKey))
    this.identity = identity
  }

  /** Makes everything that was verified by this key permanently invalid. */
  retire(): void {
    this.live = false
  }
}

/** A key of a key set that cannot be used, with the reason. Shown to operators. */
export interface IgnoredKey {
  readonly kid: string | undefined
  readonly why: string
}

/**
 * Imports one key of a key set (RFC 7517 §4), once for each of `algorithms` that the key can be used with.
 *
 * Only the public members of the key are passed to the import, so that all other members have no effect.
 */
export async function importPublishedKey(
  published: unknown,
  algorithms: ReadonlySet<string>,
): Promise<readonly PublishedKey[] | IgnoredKey> {
  const jwk = (typeof published === 'object' ? published : undefined) as Record<string, unknown> | null | undefined
  if (jwk === undefined || jwk === null) return { kid: undefined, why: 'not a JSON object' }
  const kid = typeof jwk['kid'] === 'string' ? jwk['kid'].slice(0, 100) : undefined
  const fitting = fittingAlgorithms(jwk, algorithms)
  if (typeof fitting === 'string') return { kid, why: fitting }
  const names = ['kty', ...publicMembers[jwk['kty'] as string]!]
  const material: JWK = Object.fromEntries(names.map((name) => [name, jwk[name]]))
  try {
    const keyId = jwk['kid'] as string | undefined
    return await Promise.all(fitting.map((algorithm) => importFor(algorithm, keyId, material)))
  } catch (error) {
    return { kid, why: error instanceof Error ? error.message : String(error) }
  }
}

async function importFor(algorithm: string, keyId: string | undefined, material: JWK): Promise<PublishedKey> {
  const cryptoKey = await importJWK(material, algorithm)
  if (cryptoKey instanceof Uint8Array) throw new Error('the key is symmetric')
  if (material.kty === 'RSA') {
    checkRsa(cryptoKey.algorithm as unknown as RsaDetails)
    if (isRocaModulus(numberIn(material.n!))) throw new Error('the RSA key is factorable (ROCA, CVE-2017-15361)')
  }
  return new PublishedKey(keyId, algorithm, cryptoKey, JSON.stringify([keyId, algorithm, material]))
}

/** Parameters of an RSA key in WebCrypto (RsaKeyAlgorithm). */
interface RsaDetails {
  readonly modulusLength: number
  readonly publicExponent: Uint8Array
}

/**
 * Checks the size and exponent of an RSA key. RFC 7518 §3.3 sets the minimum of 2048 bits. The maximum of 8192 bits
 * limits the cost of a verification. With an exponent of 1, any signature would be valid.
 */
function checkRsa({ modulusLength, publicExponent }: RsaDetails): void {
  if (modulusLength < 2048) throw new Error(`the RSA key has ${modulusLength} bits; the minimum is 2048`)
  if (modulusLength > 8192) throw new Error(`the RSA key has ${modulusLength} bits; the maximum is 8192`)
  const exponent = numberIn(publicExponent)
  if (exponent < 3n || exponent % 2n === 0n || exponent >= 2n ** 33n)
    throw new Error('the RSA exponent must be odd, at least 3 and less than 2^33')
}

/** Converts a parameter of an RSA key into a number. @param bytes  big-endian; a text is base64url */
function numberIn(bytes: Uint8Array | string): bigint {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'base64url') : Buffer.from(bytes)
  return BigInt(`0x${buffer.toString('hex')}`)
}

/** Returns the accepted algorithms that can be used with a published key, or the reason why none can. */
function fittingAlgorithms(jwk: Readonly<Record<string, unknown>>, accepted: ReadonlySet<string>): string[] | string {
  const { kty, crv, alg, use, key_ops: operations, kid } = jwk
  if (kty === 'oct' || secretMembers.some((name) => Object.hasOwn(jwk, name))) return 'not a public key'
  if (kid !== undefined && typeof kid !== 'string') return 'kid is not a string'
  if (use !== undefined && use !== 'sig') return 'use is not "sig"'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'key_ops does not contain "verify"'
  }
  const fitting = Object.keys(algorithmKeys).filter((name) => {
    const key = algorithmKeys[name]!
    return key.kty === kty && (key.crv === undefined || key.crv === crv) && (alg === undefined || serves(alg, name))
  })
  if (fitting.length === 0) return alg === undefined ? 'unknown kty or crv' : 'alg does not match kty and crv'
  const usable = fitting.filter((name) => accepted.has(name))
  return usable.length === 0 ? 'none of its algorithms is allowed by the issuer entry' : usable
}

/**
 * Whether a published key that names `keyAlgorithm` can be used with `algorithm`. `EdDSA` is the older name of
 * `Ed25519` (RFC 9864 §2.2).
 */
function serves(keyAlgorithm: unknown, algorithm: string): boolean {
  return keyAlgorithm === algorithm || (keyAlgorithm === 'EdDSA' && algorithm === 'Ed25519')
}

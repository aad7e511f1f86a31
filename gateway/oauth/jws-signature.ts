import { constants, type KeyObject, verify } from 'node:crypto'
import { ecdsaToDer } from './ecdsa-signature.ts'

/** Key type and parameters of a signature algorithm. */
type SignatureForm =
  | { readonly key: 'ec'; readonly curve: string; readonly hash: string; readonly numberBytes: number }
  | { readonly key: 'rsa'; readonly hash: string; readonly saltBytes?: number }
  | { readonly key: 'ed25519' }

/**
 * Supported signature algorithms: RFC 7518 §3.3 to §3.5, RFC 8037 §3.1, RFC 9864 §2.2. For PS256, PS384 and PS512, the
 * salt has the length of the hash.
 */
const forms: Readonly<Record<string, SignatureForm>> = {
  ES256: { key: 'ec', curve: 'prime256v1', hash: 'sha256', numberBytes: 32 },
  ES384: { key: 'ec', curve: 'secp384r1', hash: 'sha384', numberBytes: 48 },
  ES512: { key: 'ec', curve: 'secp521r1', hash: 'sha512', numberBytes: 66 },
  RS256: { key: 'rsa', hash: 'sha256' },
  RS384: { key: 'rsa', hash: 'sha384' },
  RS512: { key: 'rsa', hash: 'sha512' },
  PS256: { key: 'rsa', hash: 'sha256', saltBytes: 32 },
  PS384: { key: 'rsa', hash: 'sha384', saltBytes: 48 },
  PS512: { key: 'rsa', hash: 'sha512', saltBytes: 64 },
  EdDSA: { key: 'ed25519' },
  Ed25519: { key: 'ed25519' },
}

const ED25519_BYTES = 64

/**
 * Verifies the signature of a compact JWS with one key; resolves to true when the signature is valid. The caller must
 * check the header, including its algorithm and `crit` (`readJws`, `validateHeader`).
 *
 * @param token  compact JWS, ASCII
 * @throws {Error} as a rejection, when verification itself failed; never because of the contents of the token
 */
export type SignatureCheck = (token: string) => Promise<boolean>

/** Checks a signature like {@link SignatureCheck}, but synchronously, so it blocks the event loop. */
export type ImmediateSignatureCheck = (token: string) => boolean

/** A public key in the form with which `node:crypto` verifies fastest, and the form of its signatures. */
interface VerificationForm {
  /** Length of a signature in the JOSE form, bytes. */
  readonly bytes: number
  readonly hash: string | null
  readonly key: Parameters<typeof verify>[2]
  /** Converts a signature from the JOSE form to the form that OpenSSL reads. */
  readonly convert: (signature: Buffer) => Buffer
}

/**
 * Creates the signature check for one algorithm and one public key. The key determines the algorithm, never the token
 * (RFC 8725 §3.1).
 *
 * Verification runs in the thread pool, so a slow algorithm does not block the event loop.
 *
 * @throws {Error} when the key does not fit the algorithm
 */
export function signatureCheck(algorithm: string, publicKey: KeyObject): SignatureCheck {
  const form = verificationForm(algorithm, publicKey)
  return (token) => {
    const parts = partsOf(token, form)
    if (parts === undefined) return Promise.resolve(false)
    return new Promise((resolve, reject) => {
      verify(form.hash, parts.signed, form.key, parts.signature, (error, valid) => {
        if (error === null) resolve(valid)
        else reject(error)
      })
    })
  }
}

/**
 * Creates a signature check that blocks the event loop. For algorithms whose check takes less time than a round trip
 * through the thread pool is worth: about 70 µs for ES256 and Ed25519, 25 µs for RSA with 2048 bits.
 *
 * @throws {Error} when the key does not fit the algorithm
 */
export function immediateSignatureCheck(algorithm: string, publicKey: KeyObject): ImmediateSignatureCheck {
  const form = verificationForm(algorithm, publicKey)
  return (token) => {
    const parts = partsOf(token, form)
    return parts !== undefined && verify(form.hash, parts.signed, form.key, parts.signature)
  }
}

/**
 * Selects the form of a verification. `node:crypto` gets the key object itself where possible: looking for a key in an
 * options object costs several internal exceptions.
 */
function verificationForm(algorithm: string, publicKey: KeyObject): VerificationForm {
  const form = Object.hasOwn(forms, algorithm) ? forms[algorithm] : undefined
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey
  if (form === undefined || publicKey.type !== 'public' || type !== form.key) {
    throw new Error(`the key is not a public key for ${algorithm}`)
  }
  switch (form.key) {
    case 'ec':
      if (details?.namedCurve !== form.curve) throw new Error(`the key is not a public key for ${algorithm}`)
      return { bytes: 2 * form.numberBytes, hash: form.hash, key: publicKey, convert: ecdsaToDer }
    case 'rsa': {
      const bytes = Math.ceil(details!.modulusLength! / 8)
      const { saltBytes } = form
      const padding = constants.RSA_PKCS1_PSS_PADDING
      const key = saltBytes === undefined ? publicKey : { key: publicKey, padding, saltLength: saltBytes }
      return { bytes, hash: form.hash, key, convert: unchanged }
    }
    case 'ed25519':
      return { bytes: ED25519_BYTES, hash: null, key: publicKey, convert: unchanged }
  }
}

function unchanged(signature: Buffer): Buffer {
  return signature
}

/**
 * Converts a signature of a JWS for the verification by `node:crypto`.
 *
 * @returns `undefined` when the signature does not have the length that the key requires
 */
function partsOf(
  token: string,
  { bytes, convert }: VerificationForm,
): { readonly signed: Buffer; readonly signature: Buffer } | undefined {
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  if (signature.length !== bytes) return undefined
  return { signed: Buffer.from(token.slice(0, end), 'latin1'), signature: convert(signature) }
}

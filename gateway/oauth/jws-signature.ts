import { constants, type KeyObject, verify } from 'node:crypto'
import { ecdsaToDer } from './ecdsa-signature.ts'

/** How an algorithm signs, and with what key. */
type SignatureForm =
  | { readonly key: 'ec'; readonly curve: string; readonly hash: string; readonly numberBytes: number }
  | { readonly key: 'rsa'; readonly hash: string; readonly saltBytes?: number }
  | { readonly key: 'ed25519' }

/** RFC 7518 §3.3 to §3.5, RFC 8037 §3.1, RFC 9864 §2.2. With PS…, the salt is as long as the hash. */
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
 * Whether a key has signed a JWS in compact form. Only the signature is judged: that the header asks for this algorithm,
 * and for nothing else that matters, is the caller's to know (`readJws`, `judgeHeader`).
 *
 * @param token  ASCII
 * @throws {Error} as a rejection, when it could not be checked; never for what a token may say
 */
export type SignatureCheck = (token: string) => Promise<boolean>

/**
 * The check of one algorithm by one public key. What signs is the key's to say, never the token's (RFC 8725 §3.1).
 *
 * The work is done by the thread pool, so no token, however slow its algorithm, holds up the event loop. The key goes to
 * `node:crypto` bare: beside options it is searched for at the price of several exceptions.
 *
 * @throws {Error} when the key is none for the algorithm
 */
export function signatureCheck(algorithm: string, publicKey: KeyObject): SignatureCheck {
  const form = Object.hasOwn(forms, algorithm) ? forms[algorithm] : undefined
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey
  if (form === undefined || publicKey.type !== 'public' || type !== form.key) {
    throw new Error(`not a public key for ${algorithm}`)
  }
  switch (form.key) {
    case 'ec': {
      if (details?.namedCurve !== form.curve) throw new Error(`not a public key for ${algorithm}`)
      const bytes = 2 * form.numberBytes
      return (token) => checked(token, bytes, form.hash, publicKey, ecdsaToDer)
    }
    case 'rsa': {
      const bytes = Math.ceil(details!.modulusLength! / 8)
      const { saltBytes } = form
      const padding = constants.RSA_PKCS1_PSS_PADDING
      const key = saltBytes === undefined ? publicKey : { key: publicKey, padding, saltLength: saltBytes }
      return (token) => checked(token, bytes, form.hash, key)
    }
    case 'ed25519':
      return (token) => checked(token, ED25519_BYTES, null, publicKey)
  }
}

function checked(
  token: string,
  signatureBytes: number,
  hash: string | null,
  key: Parameters<typeof verify>[2],
  form?: (signature: Uint8Array) => Buffer,
): Promise<boolean> {
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  if (signature.length !== signatureBytes) return Promise.resolve(false)
  const signed = Buffer.from(token.slice(0, end), 'latin1')
  return new Promise((resolve, reject) => {
    verify(hash, signed, key, form === undefined ? signature : form(signature), (error, valid) => {
      if (error === null) resolve(valid)
      else reject(error)
    })
  })
}

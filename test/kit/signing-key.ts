import { constants, createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto'

/** A signing key. Its private part can be read only from `privateJwk`. */
export interface SigningKey {
  readonly kid: string
  readonly alg: string
  /** Public key for a key set, with `kid`, `alg` and `use`. Empty for a key without a public part. */
  readonly publicJwk: JsonWebKey
  readonly privateJwk: JsonWebKey
  sign(data: Buffer): Buffer
}

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })

/** Key type and signature parameters of each `alg` (RFC 7518 §3, RFC 8037 §3.1). */
const algorithms = {
  ES256: { pair: () => ec('P-256'), hash: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  ES384: { pair: () => ec('P-384'), hash: 'sha384', options: { dsaEncoding: 'ieee-p1363' } },
  RS256: { pair: rsa, hash: 'sha256', options: {} },
  PS256: { pair: rsa, hash: 'sha256', options: pss },
  EdDSA: { pair: () => generateKeyPairSync('ed25519'), hash: null, options: {} },
} as const satisfies Record<string, { pair: () => { privateKey: KeyObject }; hash: string | null; options: object }>

export type Algorithm = keyof typeof algorithms

let made = 0

/** Creates a signing key. For RSA this takes about 100 ms. */
export function signingKey(alg: Algorithm, kid = `key-${++made}`): SigningKey {
  const { pair, hash, options } = algorithms[alg]
  const { privateKey, publicKey } = pair()
  const named = { kid, alg, use: 'sig' }
  return {
    kid,
    alg,
    publicJwk: { ...publicKey.export({ format: 'jwk' }), ...named },
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...named },
    sign: (data) => sign(hash, data, { key: privateKey, ...options }),
  }
}

/**
 * A key that signs with HS256 and any bytes as the secret, for attacks that use a public key as a shared secret (RFC
 * 8725 §2.1).
 */
export function sharedSecret(secret: string | Buffer, kid = 'secret'): SigningKey {
  const jwk = { kty: 'oct', k: Buffer.from(secret).toString('base64url') }
  return {
    kid,
    alg: 'HS256',
    publicJwk: {},
    privateJwk: jwk,
    sign: (data) => createHmac('sha256', secret).update(data).digest(),
  }
}

/** A key with `alg` none, whose signatures are empty (RFC 7518 §3.6). */
export const unsigned: SigningKey = {
  kid: 'none',
  alg: 'none',
  publicJwk: {},
  privateJwk: {},
  sign: () => Buffer.alloc(0),
}

/**
 * Creates a JWS in compact form (RFC 7515 §7.1). Header and payload are not checked, so that a test can sign what a
 * library would refuse, such as a duplicate member. node:crypto signs, as in the gate; `test/unit/tokens/signatures`
 * compares its signatures with jose.
 */
export function compactJws(header: object | string, payload: object | string | Buffer, key: SigningKey): string {
  const signed = `${encoded(header)}.${encoded(payload)}`
  return `${signed}.${key.sign(Buffer.from(signed)).toString('base64url')}`
}

/**
 * The JSON number 1e400 as a member of a token; JavaScript reads it as Infinity. TypeScript's type of JSON lacks
 * `rawJSON`.
 */
export const hugeNumber: unknown = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('1e400')

function encoded(part: object | string | Buffer): string {
  const bytes = typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part)
  return Buffer.from(bytes as string).toString('base64url')
}

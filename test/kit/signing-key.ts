import { constants, createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto'

/** A key that signs. The private part never leaves it but by `privateJwk`. */
export interface SigningKey {
  readonly kid: string
  readonly alg: string
  /** For a key set: with `kid`, `alg` and `use`. Empty where there is nothing to publish. */
  readonly publicJwk: JsonWebKey
  readonly privateJwk: JsonWebKey
  sign(data: Buffer): Buffer
}

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })

/** RFC 7518 §3, RFC 8037 §3.1: what signs under which `alg`. */
const algorithms = {
  ES256: { pair: () => ec('P-256'), hash: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  ES384: { pair: () => ec('P-384'), hash: 'sha384', options: { dsaEncoding: 'ieee-p1363' } },
  RS256: { pair: rsa, hash: 'sha256', options: {} },
  PS256: { pair: rsa, hash: 'sha256', options: pss },
  EdDSA: { pair: () => generateKeyPairSync('ed25519'), hash: null, options: {} },
} as const satisfies Record<string, { pair: () => { privateKey: KeyObject }; hash: string | null; options: object }>

export type Algorithm = keyof typeof algorithms

let made = 0

/** Makes a key. An RSA key takes some 100 ms. */
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

/** Signs with HS256 under any bytes: for attacks that pass a public key off as a shared secret (RFC 8725 §2.1). */
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

/** Signs nothing: `alg` none (RFC 7518 §3.6). */
export const unsigned: SigningKey = {
  kid: 'none',
  alg: 'none',
  publicJwk: {},
  privateJwk: {},
  sign: () => Buffer.alloc(0),
}

/**
 * A JWS in compact form (RFC 7515 §7.1), of an object or of any text: nothing is checked, so that a test can say what no
 * library would sign, such as a member that occurs twice. By node:crypto, as the gate checks it: that both are right is
 * what `test/unit/tokens/signatures` asks jose.
 */
export function compactJws(header: object | string, payload: object | string | Buffer, key: SigningKey): string {
  const signed = `${encoded(header)}.${encoded(payload)}`
  return `${signed}.${key.sign(Buffer.from(signed)).toString('base64url')}`
}

/** A member of a token that is the JSON number 1e400, which JavaScript reads as Infinity. The types of JSON lack `rawJSON`. */
export const hugeNumber: unknown = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('1e400')

function encoded(part: object | string | Buffer): string {
  const bytes = typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part)
  return Buffer.from(bytes as string).toString('base64url')
}

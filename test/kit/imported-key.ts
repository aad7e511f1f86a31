import { createPrivateKey, type JsonWebKey, sign } from 'node:crypto'
import type { SigningKey } from './signing-key.ts'

/** Creates the signing key of a private ES256 JWK, so that processes can share the key. */
export function importedKey(privateJwk: JsonWebKey): SigningKey {
  const { d: _, ...publicJwk } = privateJwk
  const key = createPrivateKey({ key: privateJwk, format: 'jwk' })
  return {
    kid: String(privateJwk['kid']),
    alg: 'ES256',
    publicJwk,
    privateJwk,
    sign: (data) => sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
  }
}

import { KeyObject, type webcrypto } from 'node:crypto'
import { importJWK, type JWK } from 'jose'

/** A private key for identity assertions, in the form that operators store. */
export interface AssertionKeySource {
  readonly id: string
  /** Private EC P-256 JWK, with `d` (RFC 7518 §6.2). */
  readonly jwk: Readonly<Record<string, unknown>>
}

export interface AssertionKey {
  readonly id: string
  readonly privateKey: KeyObject
  /** Public JWK as published (RFC 7517 §4). */
  readonly published: JWK
}

/**
 * Imports a private key. The import fails when the public and private parts do not match.
 *
 * @throws {Error} names the key by its id; never contains a part of the key
 */
export async function importAssertionKey({ id, jwk }: AssertionKeySource): Promise<AssertionKey> {
  const { kty, crv, x, y, d } = jwk
  if (kty !== 'EC' || crv !== 'P-256' || ![x, y, d].every((part) => typeof part === 'string' && part !== '')) {
    throw unusable(id, 'is not a private EC P-256 key as JWK')
  }
  const material = { kty, crv, x, y } as JWK
  try {
    const imported = await importJWK({ ...material, d } as JWK, 'ES256', { extractable: true })
    const privateKey = KeyObject.from(imported as webcrypto.CryptoKey)
    return { id, privateKey, published: { ...material, kid: id, alg: 'ES256', use: 'sig' } }
  } catch {
    // Omits the cause, because its text might quote the key.
    throw unusable(id, 'has a private part that does not match its public part')
  }
}

function unusable(id: string, why: string): Error {
  return new Error(`assertion key ${JSON.stringify(id)} ${why}; make one with: gatehouse keys generate assertion`)
}

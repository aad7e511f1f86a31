import { KeyObject, type webcrypto } from 'node:crypto'
import { importJWK, type JWK } from 'jose'

/** A private key that signs identity assertions, in the form in which operators store it. */
export interface AssertionKeySource {
  readonly id: string
  /** Private EC P-256 key as JWK, with the private part `d` (RFC 7518 §6.2). */
  readonly jwk: Readonly<Record<string, unknown>>
}

export interface AssertionKey {
  readonly id: string
  readonly privateKey: KeyObject
  /** Public key as JWK, in the form in which the gate publishes it (RFC 7517 §4). */
  readonly published: JWK
}

/**
 * Imports a private key for identity assertions. Fails when its private part does not belong to its public part.
 *
 * @throws {Error} that names the key by its id, without any part of the key
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
    // Omit the cause of the error, because its text could quote the private key.
    throw unusable(id, 'has a private part that does not match its public part')
  }
}

function unusable(id: string, why: string): Error {
  return new Error(`assertion key ${JSON.stringify(id)} ${why}; make one with: gatehouse keys generate assertion`)
}

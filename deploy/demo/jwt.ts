import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { expectEqual, expectTrue } from './check/expect.ts'

// This file uses only node:crypto for JWTs: `demo --check` tests the gate, so the check must not share code with the
// gate's token validation.

export type Claims = Readonly<Record<string, unknown>>

export interface Jwt {
  readonly header: Claims
  readonly claims: Claims
}

/** Decodes a JWT without verifying its signature. */
export function readJwt(token: string): Jwt {
  const [header = '', claims = ''] = token.split('.')
  return { header: decode(header), claims: decode(claims) }
}

/**
 * Verifies an ES256 signature with the key that the header field `kid` names in a key set.
 *
 * @throws {Error} when no key matches or the signature is invalid
 */
export function verifyJwt(token: string, keys: readonly (JsonWebKey & { kid?: string })[]): Jwt {
  const jwt = readJwt(token)
  expectEqual('alg of the assertion', jwt.header.alg, 'ES256')
  const jwk = keys.find(({ kid }) => kid === jwt.header.kid)
  expectTrue(`a published key with the assertion's kid ${JSON.stringify(jwt.header.kid)}`, jwk !== undefined)
  const end = token.lastIndexOf('.')
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  const holds = verify('sha256', Buffer.from(token.slice(0, end)), { key, dsaEncoding: 'ieee-p1363' }, signature)
  expectTrue('an assertion whose signature verifies', holds)
  return jwt
}

/** Returns a JWT with an empty signature. */
export function forgeUnsigned({ header, claims }: Jwt): string {
  return `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decode(part: string): Claims {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Claims
}

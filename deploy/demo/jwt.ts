import { createHmac, createPublicKey, type JsonWebKey, type KeyObject, sign, verify } from 'node:crypto'
import { expectEqual, expectTrue } from './check/expect.ts'

// JWTs with node:crypto only: `demo --check` tests the gate, so it shares no code with the validation in the gate.

export type Claims = Readonly<Record<string, unknown>>

export interface Jwt {
  readonly header: Claims
  readonly claims: Claims
}

/** Reads a JWT without verifying it. */
export function readJwt(token: string): Jwt {
  const [header = '', claims = ''] = token.split('.')
  return { header: decode(header), claims: decode(claims) }
}

/**
 * Verifies an ES256 JWT with the key of its `kid` in a key set.
 *
 * @throws {Error} when no key fits or the signature is wrong
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

/** Signs with ES256, whatever the header states. */
export function forgeWithKey({ header, claims }: Jwt, key: KeyObject): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** Signs with HS256. Any bytes can be the secret, such as the issuer's public key (RFC 8725 §2.1). */
export function forgeWithSecret({ header, claims }: Jwt, secret: string | Buffer): string {
  const input = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** A JWT with an empty signature. */
export function forgeUnsigned({ header, claims }: Jwt): string {
  return `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`
}

/** Changes claims and keeps the old signature. */
export function withClaims(token: string, changes: Claims): string {
  const [header, claims = '', signature] = token.split('.')
  return `${header}.${encode({ ...decode(claims), ...changes })}.${signature}`
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decode(part: string): Claims {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Claims
}

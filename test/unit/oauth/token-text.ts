import { type KeyObject, sign } from 'node:crypto'
import type { IssuerRules } from '../../../gateway/oauth/token-facts.ts'

/** Rules of an issuer as a policy would compile them, with what a test changes. */
export function rulesOf(changes: Partial<IssuerRules> = {}): IssuerRules {
  return {
    name: 'main',
    issuer: 'https://idp.example',
    audience: new Set(['https://api.example']),
    algorithms: new Set(['ES256', 'RS256', 'PS256', 'EdDSA']),
    profile: 'at+jwt',
    clockToleranceS: 5,
    maxTokenLifetimeS: 86_400,
    scopeClaim: 'scope',
    scopeArray: false,
    clientClaim: undefined,
    jwksUri: undefined,
    keysStaleMs: 3_600_000,
    tokens: 'jwt',
    introspection: undefined,
    login: undefined,
    recheckMs: undefined,
    ...changes,
  }
}

export const nowMs = Date.UTC(2026, 0, 1)
const nowS = nowMs / 1000

/** Claims of a good token at `nowMs`. `undefined` takes a claim away. */
export function claimsOf(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: 'https://idp.example',
    aud: 'https://api.example',
    sub: 'alice',
    client_id: 'reader',
    scope: 'orders:read reports:read',
    iat: nowS - 10,
    exp: nowS + 600,
    jti: 'token-1',
    ...changes,
  }
}

export const encode = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

/** A compact JWS with a signature of 64 zero bytes, for what is judged before any signature is. */
export function unsigned(header: unknown, claims: unknown): string {
  return `${encode(header)}.${encode(claims)}.${Buffer.alloc(64).toString('base64url')}`
}

/** Signs by SHA-256, or Ed25519 where the key says so. */
export function signed(header: unknown, claims: unknown, key: KeyObject): string {
  const input = `${encode(header)}.${encode(claims)}`
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  return `${input}.${sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

import { type KeyObject, sign } from 'node:crypto'
import type { IssuerRules } from '../../../gateway/oauth/token-facts.ts'

/** Returns the compiled rules of an issuer. `changes` replaces members of these rules. */
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

/** Returns the claims of a token that is valid at `nowMs`. A change to `undefined` removes a claim. */
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

/** Returns a compact JWS with 64 zero bytes as its signature, for checks that come before the signature check. */
export function unsigned(header: unknown, claims: unknown): string {
  return `${encode(header)}.${encode(claims)}.${Buffer.alloc(64).toString('base64url')}`
}

/** Signs a token with SHA-256, or with Ed25519 if the key is an Ed25519 key. */
export function signed(header: unknown, claims: unknown, key: KeyObject): string {
  const input = `${encode(header)}.${encode(claims)}`
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  return `${input}.${sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

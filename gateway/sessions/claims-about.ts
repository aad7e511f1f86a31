import type { JsonObject } from '../oauth/json.ts'

/**
 * Claims that a session does not store under `claims`, because they describe the token, or the session stores them in
 * another member.
 */
const apart = new Set([
  ...['iss', 'aud', 'azp', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'at_hash', 'c_hash', 's_hash'],
  ...['sub', 'sid', 'acr', 'auth_time'],
])

/** Returns the claims of an ID token or a UserInfo response that a session stores under `claims`. */
export function claimsAbout(claims: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !apart.has(name)))
}

import { type JsonObject, member } from './json.ts'

/**
 * The key to which a token is bound (RFC 7800 §3). A caller must prove possession of every key that the confirmation
 * names. At least one member is set.
 */
export interface Confirmation {
  /** SHA-256 thumbprint (RFC 7638) of the public key of DPoP proofs, in base64url (RFC 9449 §6.1). */
  readonly jkt: string | undefined
  /** SHA-256 hash of the DER form of the client certificate, in base64url (RFC 8705 §3.1). */
  readonly x5tS256: string | undefined
}

const members: ReadonlySet<string> = new Set(['jkt', 'x5t#S256'])

/** Base64url form of 32 bytes. The last character carries 4 bits, so its 2 unused bits are zero. */
const sha256Text = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/**
 * Reads the claim `cnf` of a token or of an introspection response. RFC 7800 §3.1: a recipient that cannot check the
 * binding must not accept the token, so an unknown member makes the token unusable.
 *
 * @returns `undefined` when the token has no `cnf`; `token-binding` when `cnf` is empty, malformed, or names a method
 *   that the gate does not know
 */
export function readConfirmation(claims: JsonObject): Confirmation | undefined | 'token-binding' {
  if (!Object.hasOwn(claims, 'cnf')) return undefined
  const cnf = claims['cnf']
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) return 'token-binding'
  const names = Object.keys(cnf)
  if (names.length === 0 || !names.every((name) => members.has(name))) return 'token-binding'
  if (!Object.values(cnf).every((value) => typeof value === 'string' && sha256Text.test(value))) return 'token-binding'
  return {
    jkt: member(cnf as JsonObject, 'jkt') as string | undefined,
    x5tS256: member(cnf as JsonObject, 'x5t#S256') as string | undefined,
  }
}

export function isSameConfirmation(one: Confirmation | undefined, other: Confirmation | undefined): boolean {
  return one?.jkt === other?.jkt && one?.x5tS256 === other?.x5tS256
}

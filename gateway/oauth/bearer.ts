/** A parsed `Authorization` field: the scheme in lower case, and the text after the first space. */
export interface Authorization {
  readonly scheme: string
  readonly token: string
}

export type AuthorizationFlaw = 'credential-missing' | 'credential-malformed'

/** Syntax of the name of an authentication scheme: the rule `token` of RFC 9110 §5.6.2. */
const schemeName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Schemes whose credentials are exactly one token68: Bearer (RFC 6750 §2.1), DPoP (RFC 9449 §7.1), Basic. */
const oneToken: ReadonlySet<string> = new Set(['bearer', 'dpop', 'basic'])

/**
 * Parses an `Authorization` field value (RFC 9110 §11.6.2). Schemes are case-insensitive. The characters of the token
 * are not validated: `Bearer a,b` has one token, which is rejected later.
 *
 * Every scheme is parsed; the caller decides which schemes it accepts as credentials. A caller that accepts only Bearer
 * treats another scheme as a missing credential: its challenge then names the scheme to use (RFC 9110 §11.6.1).
 *
 * @returns `credential-missing` for an empty value; `credential-malformed` for a scheme without a token, more than one
 *   space after the scheme, or more than one token
 */
export function readAuthorization(value: string): Authorization | AuthorizationFlaw {
  if (value.startsWith('Bearer ')) return oneTokenOf('bearer', value, 7)
  if (value.startsWith('DPoP ')) return oneTokenOf('dpop', value, 5)
  if (value === '') return 'credential-missing'
  const space = value.indexOf(' ')
  if (space === -1) return 'credential-malformed'
  const scheme = value.slice(0, space)
  if (!schemeName.test(scheme)) return 'credential-malformed'
  const name = scheme.toLowerCase()
  if (oneToken.has(name)) return oneTokenOf(name, value, space + 1)
  const rest = value.slice(space + 1)
  return rest.trim() === '' ? 'credential-malformed' : { scheme: name, token: rest }
}

function oneTokenOf(scheme: string, value: string, start: number): Authorization | 'credential-malformed' {
  if (value.length === start || value.indexOf(' ', start) !== -1) return 'credential-malformed'
  return { scheme, token: value.slice(start) }
}

/** What an `Authorization` field carries: a scheme in lower case and, after one space, all the rest. */
export interface Authorization {
  readonly scheme: string
  readonly token: string
}

export type AuthorizationFlaw = 'credential-missing' | 'credential-malformed'

/** A token (RFC 9110 §5.6.2), as the name of a scheme must be. */
const schemeName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Schemes whose credentials are one token68 and nothing else: Bearer (RFC 6750 §2.1), DPoP (RFC 9449 §7.1), Basic. */
const oneToken: ReadonlySet<string> = new Set(['bearer', 'dpop', 'basic'])

/**
 * Reads an `Authorization` field value (RFC 9110 §11.6.2). Schemes are case-insensitive. What the token consists of is
 * not judged here: `Bearer a,b` is one token, and a bad one.
 *
 * Any scheme is read; which of them count as credentials is the caller's choice. Where only Bearer does, another
 * scheme is no credential: the answer is the challenge, which names the scheme to use (RFC 9110 §11.6.1).
 *
 * @returns `credential-missing` for an empty value; `credential-malformed` for a scheme alone, more than one space
 *   after it, or more than one token
 */
export function readAuthorization(value: string): Authorization | AuthorizationFlaw {
  if (value.startsWith('Bearer ')) return oneTokenOf('bearer', value, 7)
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

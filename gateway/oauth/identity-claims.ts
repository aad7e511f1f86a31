type Claims = Readonly<Record<string, unknown>>

/**
 * Claims about the user of a session (OpenID Connect Core §5.1; `groups`, `hd`: not standard). They come from the ID
 * token where the access token lacks them.
 */
export const identityClaims: ReadonlySet<string> = new Set([
  'email',
  'email_verified',
  'name',
  'preferred_username',
  'groups',
  'hd',
])

/**
 * Claims about the authentication at the login. They stay true until the session ends, so they never become too old.
 */
export const loginEventClaims: ReadonlySet<string> = new Set(['sub', 'acr', 'auth_time', 'amr'])

/**
 * Key of the claims of a session that are unknown, because the last known claims are too old and the issuer gives no
 * newer claims. `identity`: only the identity claims. `all`: all claims except those about the login.
 */
const unknown = Symbol('unknown claims')

export type UnknownClaims = 'identity' | 'all'

/** Marks claims as unknown, so that a requirement under `not` does not take an unknown claim for an absent one. */
export function withUnknown(claims: Claims, which: UnknownClaims | undefined): Claims {
  return which === undefined ? claims : Object.assign({ ...claims }, { [unknown]: which })
}

/** Whether a claim is absent only because the gate does not know it. */
export function isUnknownClaim(claims: Claims, name: string): boolean {
  const which = (claims as { readonly [unknown]?: UnknownClaims })[unknown]
  if (which === undefined || Object.hasOwn(claims, name)) return false
  return which === 'identity' ? identityClaims.has(name) : !loginEventClaims.has(name)
}

/**
 * Adds the identity claims that `own` lacks from `more`. `email` and `email_verified` are taken as a pair from one
 * source: otherwise the verification of one address would count for another address.
 */
export function fillIdentity(own: Claims, more: Claims): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...own }
  const pair = !Object.hasOwn(own, 'email')
  if (pair) delete filled['email_verified']
  for (const name of identityClaims) {
    const isOfPair = name === 'email' || name === 'email_verified'
    if (Object.hasOwn(more, name) && (isOfPair ? pair : !Object.hasOwn(own, name))) filled[name] = more[name]
  }
  return filled
}

/** Returns the claims of a session except the claims about the user. */
export function withoutIdentity(claims: Claims): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !identityClaims.has(name)))
}

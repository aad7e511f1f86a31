import type { TokenEndpointResponse } from 'openid-client'
import { validateClaims } from '../oauth/access-token.ts'
import { isBearerToken } from '../oauth/introspection.ts'
import { readJws } from '../oauth/jws.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'

/** The issuer granted tokens that a login session cannot use. `unusable` is the reason, for the log. */
export interface UnusableTokens {
  readonly unusable: string
}

/**
 * Returns the reason why a login session cannot use the access token in a token reply; `undefined` if it can use the
 * token. The gate has no key for a token that is bound to a key (RFC 9449, RFC 8705). A token outside `b64token` (RFC
 * 6750 §2.1) cannot be sent to a service. The text contains nothing of the token.
 *
 * @param nowMs  current time, ms since the epoch
 */
export function flawInTokenReply(
  { access_token: accessToken, token_type: type }: Pick<TokenEndpointResponse, 'access_token' | 'token_type'>,
  rules: IssuerRules,
  nowMs: number,
): string | undefined {
  if (type.toLowerCase() !== 'bearer') return notBearer(type)
  if (!isBearerToken(accessToken))
    return 'the access token contains characters that are invalid in a bearer token (RFC 6750 §2.1)'
  const jws = readJws(accessToken)
  // Ignore the binding of a token for another audience: the gate does not use such a token.
  const claimed = typeof jws === 'string' ? undefined : validateClaims(jws.claims, rules, nowMs)
  if (claimed === 'token-binding' || (typeof claimed === 'object' && claimed.confirmation !== undefined)) {
    return 'the access token is bound to a key (cnf); configure the issuer to give this client bearer tokens'
  }
  return undefined
}

/**
 * Returns the reason for a token reply that openid-client rejects because of its unsupported `token_type`. `undefined`
 * when the reply was rejected for another reason.
 */
export function unknownTokenType(error: unknown): string | undefined {
  const { code, cause } = error as { code?: unknown; cause?: { cause?: { body?: { token_type?: unknown } } } }
  const type = code === 'OAUTH_UNSUPPORTED_OPERATION' ? cause?.cause?.body?.token_type : undefined
  return typeof type === 'string' ? notBearer(type) : undefined
}

function notBearer(type: string): string {
  const quoted = /^[\w-]{1,32}$/.test(type) ? ` \`${type}\`` : ''
  return `the token reply has token_type${quoted} instead of Bearer; configure the issuer to give this client bearer tokens`
}

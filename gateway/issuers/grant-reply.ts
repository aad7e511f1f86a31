import { tokenTypes } from '../oauth/exchange-terms.ts'
import { isBearerToken } from '../oauth/introspection.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import { errorCode, type FormReply, jsonObject } from './form-call.ts'
import { issuerText } from './issuer-text.ts'

/** An access token that an issuer granted to a client or in exchange for another token. */
export interface GrantedToken {
  readonly token: string
  /**
   * Time at which the granted token expires, from `expires_in` or else from `exp` of a JWT; ms since the epoch;
   * `undefined` if unknown.
   */
  readonly expiresAtMs: number | undefined
}

/** A reply by which the issuer definitely refuses a token request. */
export interface GrantError {
  /**
   * Error code of the token endpoint's reply (RFC 6749 §5.2), or for a reply without an error code its status, such as
   * `status 404`.
   */
  readonly error: string
  /**
   * Member `error_description` of the token endpoint's reply, for operators. Cut to 200 characters; secrets of the
   * request, and parts that could be tokens because of their length, are removed.
   */
  readonly description: string | undefined
}

/** A reply of a token endpoint that neither grants nor refuses a token. `why` says what is wrong with the reply. */
export interface UnreadableGrant {
  readonly why: string
}

/** The issuer granted a token that the gate cannot present to a service as a bearer token. `unusable` is the reason. */
export interface UnusableGrant {
  readonly unusable: string
}

export type GrantReply = GrantedToken | GrantError | UnusableGrant | UnreadableGrant

/**
 * Maximum length of a token that the gate presents to services, characters. Many servers reject a longer header field.
 */
const TOKEN_MAX = 16_384
/** Maximum `expires_in` in a token reply that the gate accepts, s: about 68 years. A longer lifetime is ignored. */
const EXPIRES_IN_MAX_S = 2 ** 31

/**
 * Parses the reply of a token endpoint (RFC 6749 §5). A reply with status 3xx or 4xx (except 408) is a refusal. Any
 * other reply that is not a token response neither grants nor refuses a token.
 *
 * @param askedMs  time when the request was sent, ms since the epoch
 * @param secrets  secrets in the request, which are removed from texts of the reply
 */
export function readGrant(reply: FormReply, askedMs: number, secrets: readonly string[] = []): GrantReply {
  const { status } = reply
  const object = jsonObject(reply)
  const stated = errorCode(reply)
  const code = stated !== undefined && secrets.some((secret) => stated.includes(secret)) ? 'an error' : stated
  if (status >= 300 && status < 500 && status !== 408)
    return { error: code ?? `status ${status}`, description: descriptionIn(object, secrets) }
  if (status !== 200) return { why: `status ${status}${code === undefined ? '' : `, ${code}`}` }
  if (object === undefined) return { why: 'the reply is not a JSON object (application/json)' }
  if (code !== undefined) return { why: `status 200 with error ${code}` }
  const token = member(object, 'access_token')
  const type = member(object, 'token_type')
  if (typeof token !== 'string' || token === '' || typeof type !== 'string')
    return { why: 'the reply has no access_token or no token_type' }
  // Reject `N_A`: it is the token_type of a token that is not an access token, such as a JWT of another kind (RFC 8693
  // §2.2.1).
  if (!/^(?:bearer|n_a)$/i.test(type)) {
    return {
      unusable: `the reply has ${/^[\w-]{1,32}$/.test(type) ? `token_type ${type}` : 'another token_type'} instead of Bearer`,
    }
  }
  const issued = member(object, 'issued_token_type')
  if (issued !== undefined && !presentable.has(issued)) {
    const name = typeof issued === 'string' && /^[\w:.-]{1,100}$/.test(issued) ? issued : 'another issued_token_type'
    return { unusable: `the reply has ${name} instead of an access token or a JWT (RFC 8693 §2.2.1)` }
  }
  if (!isBearerToken(token))
    return { unusable: 'the token has characters that a bearer token must not have (RFC 6750 §2.1)' }
  if (token.length > TOKEN_MAX) return { unusable: `the token is longer than ${TOKEN_MAX} characters` }
  return { token, expiresAtMs: endOf(object, token, askedMs) }
}

/**
 * Values of `issued_token_type` (RFC 8693 §3) of tokens that a service may receive. A refresh token, for example, must
 * never reach a service.
 */
const presentable: ReadonlySet<unknown> = new Set(Object.values(tokenTypes))

function descriptionIn(object: JsonObject | undefined, secrets: readonly string[]): string | undefined {
  const said = object === undefined ? undefined : member(object, 'error_description')
  return typeof said === 'string' ? issuerText(said, secrets) : undefined
}

function endOf(object: JsonObject, token: string, askedMs: number): number | undefined {
  const said = member(object, 'expires_in')
  const lifetimeS = typeof said === 'string' && /^\d{1,10}$/.test(said) ? Number(said) : said
  if (typeof lifetimeS === 'number' && lifetimeS >= 0 && lifetimeS <= EXPIRES_IN_MAX_S)
    return askedMs + lifetimeS * 1000
  const jws = readJws(token)
  const exp = typeof jws === 'string' ? undefined : member(jws.claims, 'exp')
  return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined
}

import type { SecretPlace } from '../base/secret.ts'
import type { JsonObject } from './json.ts'
import { member } from './json.ts'
import type { ClientAuth, IssuerRules } from './token-facts.ts'

/** Grant type of a token exchange (RFC 8693 §2.1). */
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** Type URIs of tokens in a token exchange (RFC 8693 §3). */
export const tokenTypes = {
  access_token: 'urn:ietf:params:oauth:token-type:access_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const

export type ExchangeTokenType = keyof typeof tokenTypes

/** Terms under which the gate exchanges the caller's token for a token for a service. All times are in ms. */
export interface ExchangeTerms {
  /** Place of the token exchange entry in the policy, such as `services.orders.credentials`, for messages. */
  readonly path: readonly (string | number)[]
  /** Issuer that exchanges the token. */
  readonly issuer: IssuerRules
  /** Client id of the gate at the issuer. */
  readonly clientId: string
  readonly auth: ClientAuth
  /** Logical names and URLs of the service for which the token is requested (RFC 8693 §2.1). */
  readonly audience: readonly string[]
  readonly resource: readonly string[]
  readonly scopes: readonly string[]
  readonly requestedType: ExchangeTokenType
  /** Token of the gate as the acting party; `undefined`: the issuer knows the actor by the client authentication. */
  readonly actor: { readonly place: SecretPlace; readonly type: ExchangeTokenType } | undefined
  readonly maxLifetimeMs: number
  readonly timeoutMs: number
}

/** Parameters of the request that exchanges `subjectToken` (RFC 8693 §2.1), without the client authentication. */
export function exchangeForm(
  terms: ExchangeTerms,
  subjectToken: string,
  actorToken: string | undefined,
): Readonly<Record<string, string | readonly string[]>> {
  const { audience, resource, scopes, requestedType, actor, maxLifetimeMs } = terms
  return {
    grant_type: GRANT_TYPE,
    subject_token: subjectToken,
    subject_token_type: tokenTypes.access_token,
    requested_token_type: tokenTypes[requestedType],
    ...(audience.length > 0 && { audience }),
    ...(resource.length > 0 && { resource }),
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(actor !== undefined &&
      actorToken !== undefined && { actor_token: actorToken, actor_token_type: tokenTypes[actor.type] }),
    // Send the wanted lifetime in a parameter that RFC 8693 does not define: an issuer ignores parameters
    // that it does not know (RFC 6749 §3.2).
    expires_in: String(Math.floor(maxLifetimeMs / 1000)),
  }
}

/**
 * Whether the exchanged token names the same actor as the subject token. The `act` claims of a token form a chain with
 * the current actor first (RFC 8693 §4.1), and the issuer may put further actors in front.
 */
export function keepsActor(subject: JsonObject, exchanged: JsonObject): boolean {
  const actor = objectAt(subject, 'act')
  if (actor === undefined) return true
  for (let each = objectAt(exchanged, 'act'); each !== undefined; each = objectAt(each, 'act')) {
    if (
      member(each, 'sub') === member(actor, 'sub') &&
      (member(each, 'iss') ?? member(actor, 'iss')) === member(actor, 'iss')
    )
      return true
  }
  return false
}

function objectAt(claims: JsonObject, name: string): JsonObject | undefined {
  const value = member(claims, name)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
}

import type { IssuerRules } from './token-facts.ts'

/** Compiled `basic` entry: parameters of the token request for a caller that presents a client id and secret. */
export interface BasicTerms {
  /** Place of the `basic` entry in the policy, such as `services.orders.basic`, for messages. */
  readonly path: readonly (string | number)[]
  /** Issuer at which the caller is registered as a client. */
  readonly issuer: IssuerRules
  readonly auth: 'client_secret_basic' | 'client_secret_post'
  /** Scopes that the gate requests for every caller with a client id and secret. */
  readonly scopes: readonly string[]
  /** Issuer, scopes and resources as one text: entries with the same text share their tokens. */
  readonly tokenId: string
  /** Resource indicators in the token request (RFC 8707). */
  readonly resource: readonly string[]
}

/** Returns the parameters of the request for a token (RFC 6749 §4.4.2), without the client authentication. */
export function clientTokenForm({
  scopes,
  resource,
}: BasicTerms): Readonly<Record<string, string | readonly string[]>> {
  return {
    grant_type: 'client_credentials',
    scope: scopes.join(' '),
    ...(resource.length > 0 && { resource }),
  }
}

import type { ClientAuth, IssuerRules } from './token-facts.ts'

/**
 * A token that the gate requests for itself by the client credentials grant (RFC 6749 §4.4), compiled from
 * `credentials` of a service or a route. The whole cluster shares one token per grant.
 */
export interface ClientGrant {
  /**
   * Identifies the token: 32 hexadecimal digits of a hash of issuer, client, scopes, resources and audience. Nodes with
   * different paths of the client's secret have the same id.
   */
  readonly id: string
  readonly rules: IssuerRules
  readonly clientId: string
  readonly auth: ClientAuth
  readonly scopes: readonly string[]
  /** Resource indicators in the token request (RFC 8707). */
  readonly resources: readonly string[]
  /** Value of the parameter `audience`, which some issuers require in place of `resource`. */
  readonly audience: string | undefined
  readonly timeoutMs: number
  /** Path of the `credentials` entry in the policy document. */
  readonly path: readonly (string | number)[]
}

import type { Secret } from '../../../base/secret.ts'
import type { NeededSecret } from '../../../config/needed-secret.ts'
import type { Derived, TokenFacts } from '../../../oauth/token-facts.ts'

/** The parts of an exchange from which the credential for its service is made. */
export interface CredentialInput {
  /** `undefined` on a public route. */
  readonly facts: TokenFacts | undefined
  readonly derived: Derived | undefined
  /** The client's token; `''` when the exchange has none. */
  readonly credential: string
  /** Current time, ms since the epoch. */
  readonly nowMs: number
}

/** Components of a node that make credentials for services. */
export interface CredentialSources {
  /** Signs identity assertions; `undefined` when no assertion key is configured. */
  readonly signer: AssertionSource | undefined
  /** The open secrets of all credentials of the policy. */
  readonly serviceSecrets: { of(needed: NeededSecret): Secret }
}

interface AssertionSource {
  assertion(facts: TokenFacts, derived: Derived, serviceId: string, nowMs: number): string
}

/** A compiled entry under `credentials` of a service or a route: the credential that the service receives. */
export interface ServiceCredential {
  /** Value of `type` in the policy. */
  readonly type: string
  /**
   * Request field that contains the credential, in lower case. The gate removes this field from the client's request.
   * `undefined` when the service receives no credential.
   */
  readonly field: string | undefined
  /** Key list under `keys` in the settings without which the credential cannot be made. */
  readonly needsKey: 'assertion' | undefined
  /** Secret that the credential consists of; the node opens it when the policy takes effect. Default: none. */
  readonly secret?: NeededSecret
  /** True when the credential is made from the client's token: a caller without a token cannot have it. */
  readonly needsToken?: true
  /**
   * Makes the credential for one exchange.
   *
   * Returns the value of the field at once whenever no wait is needed, without an allocation for a promise. Returns
   * `undefined` when the exchange has no credential, such as an assertion on a public route.
   *
   * @throws {GatewayFault} at once or as a rejection, when the credential cannot be made now
   */
  obtain(input: CredentialInput, sources: CredentialSources): string | undefined | Promise<string>
}

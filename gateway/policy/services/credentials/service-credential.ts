import type { Denial } from '../../../base/denial.ts'
import type { Secret } from '../../../base/secret.ts'
import type { NeededSecret } from '../../../config/needed-secret.ts'
import type { ClientGrant } from '../../../oauth/client-grant.ts'
import type { ExchangeTerms } from '../../../oauth/exchange-terms.ts'
import type { Derived, TokenFacts } from '../../../oauth/token-facts.ts'

/** The parts of an exchange from which the credential for its service is made. */
export interface CredentialInput {
  /** Verified facts of the caller's token; `undefined` on a public route. */
  readonly facts: TokenFacts | undefined
  readonly derived: Derived | undefined
  /** The access token of the client; `''` when the exchange has none. */
  readonly credential: string
  /** Current time, ms since the epoch. */
  readonly nowMs: number
}

/** The parts of an exchange whose caller is authenticated. */
export interface IdentifiedInput extends CredentialInput {
  readonly facts: TokenFacts
  readonly derived: Derived
}

/**
 * Result of making a credential: the value of its field, `undefined` when the exchange has no credential, or a denial.
 */
export type Obtained = string | Denial<'exchange-refused'> | undefined

/**
 * Result of a renewal: the newer value of a credential, after a service refused the old value; `undefined` when there
 * is no newer value.
 */
export type Replaced = string | undefined

/** Components of a node that make credentials for services. */
export interface CredentialSources {
  /** Signs identity assertions; `undefined` when no assertion key is configured. */
  readonly signer: AssertionSource | undefined
  /** The open secrets of all credentials of the policy. */
  readonly serviceSecrets: { of(needed: NeededSecret): Secret }
  /** Exchanges tokens of callers for tokens for services. */
  readonly exchanges: ExchangeSource
  /** Tokens that issuers have issued to the gate itself, for services. */
  readonly grants: GrantSource
}

interface GrantSource {
  bearer(grant: ClientGrant, nowMs: number, known: boolean): string | Promise<string>
  newer(grant: ClientGrant, refused: string): Promise<string | undefined>
}

interface AssertionSource {
  assertion(facts: TokenFacts, derived: Derived, serviceId: string, nowMs: number): string
}

interface ExchangeSource {
  obtain(terms: ExchangeTerms, caller: IdentifiedInput): Obtained | Promise<Obtained>
  newer(terms: ExchangeTerms, caller: IdentifiedInput, refused: string): Promise<string | undefined>
}

/** A compiled entry under `credentials` of a service or a route: the credential that the service receives. */
export interface ServiceCredential {
  /** Value of `type` in the policy entry of the credential. */
  readonly type: string
  /**
   * Request field that contains the credential, in lower case. The gate removes this field from the client's request.
   * `undefined` when the service receives no credential.
   */
  readonly field: string | undefined
  /** Key list under `keys` in the settings without which the credential cannot be made; `encryption` is needed with Redis only. */
  readonly needsKey: 'assertion' | 'encryption' | undefined
  /** Secret that the credential consists of; the node opens it when the policy takes effect. Default: none. */
  readonly secret?: NeededSecret
  /** Token that the credential consists of; the node keeps it valid. Default: none. */
  readonly grant?: ClientGrant
  /** True when the credential is made from the client's token: a caller without a token cannot have it. */
  readonly needsToken?: true
  /** Parameters of the token exchange; the node opens the client for it when the policy takes effect. Default: none. */
  readonly exchange?: ExchangeTerms
  /**
   * Makes the credential for the service in one exchange.
   *
   * Returns the value of the field at once whenever no wait is needed, without an allocation for a promise. Returns
   * `undefined` when the exchange has no credential, such as an assertion on a public route.
   *
   * @throws {GatewayFault} at once or as a rejection, when the credential cannot be made now
   */
  obtain(input: CredentialInput, sources: CredentialSources): Obtained | Promise<Obtained>
  /**
   * Returns a newer value than the one that the service refused with 401; `undefined` when there is no newer value. If
   * the credential comes from an issuer, the cluster requests a new one for this purpose at most once in 30 s. Never
   * rejects.
   *
   * Without this method, a 401 of the service passes to the client: the gate then adds no credential, or forwards the
   * client's own token.
   *
   * @param refused  value of the field that the service refused
   */
  replace?(input: CredentialInput, sources: CredentialSources, refused: string): Replaced | Promise<Replaced>
  /**
   * True when a 401 to the newest value is the service's own decision about the request, and passes to the client.
   * Default: the service is misconfigured, and the client gets 502.
   */
  readonly passesRefusal?: boolean
}

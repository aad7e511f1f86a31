import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import type { Secret } from '../base/secret.ts'
import { type ExchangeTerms, exchangeForm } from '../oauth/exchange-terms.ts'
import type { AuthenticatedEndpoint } from './authenticated-endpoint.ts'
import type { GrantError, GrantedToken } from './grant-reply.ts'
import type { Asker } from './question-queue.ts'

/**
 * Result of a token exchange that the issuer refuses because of the caller's token. `refused` is the error code of its
 * reply.
 */
export interface ExchangeRefusal {
  readonly refused: string
}

export interface ExchangeClientOptions {
  readonly terms: ExchangeTerms
  readonly grants: AuthenticatedEndpoint
  /** The gate's own token, which it sends as `actor_token` (RFC 8693 §2.1); `undefined` when the policy names none. */
  readonly actor: Secret | undefined
}

/**
 * Error codes of a token exchange that concern the caller's token (subject token) or its subject. `invalid_request` is
 * not in the list, because it can also concern the request of the gate.
 */
const aboutSubject: ReadonlySet<string> = new Set(['invalid_grant', 'access_denied', 'interaction_required'])

/**
 * Error codes of a token exchange that concern the gate as an OAuth client. The issuer would reject every exchange with
 * the same error.
 */
const aboutGate: ReadonlySet<string> = new Set(['invalid_client', 'unauthorized_client', 'unsupported_grant_type'])
/**
 * Pause of all token exchanges after an error about the gate as an OAuth client, ms. Some issuers lock a client that
 * repeats failing requests.
 */
const PAUSE_MS = 1000

/** Exchanges tokens (RFC 8693) at one issuer, with the parameters of one entry of the policy. */
export class ExchangeClient {
  readonly #options: ExchangeClientOptions
  /**
   * True once the issuer has exchanged a token. This proves that the gate's own parameters of the requests are correct.
   */
  #works = false
  /**
   * Last error by which the issuer rejected the gate as an OAuth client, and the end of the pause that it causes,
   * monotonic, ms.
   */
  #rejected: { readonly fault: GatewayFault; readonly untilMs: number } | undefined

  constructor(options: ExchangeClientOptions) {
    this.#options = options
  }

  get issuer(): ExchangeTerms['issuer'] {
    return this.#options.terms.issuer
  }

  /**
   * The gate's own token, which it sends as `actor_token`; `''`: none. It is a part of the cache key of exchanged
   * tokens.
   */
  get actorToken(): string {
    return this.#options.actor?.current ?? ''
  }

  /**
   * Exchanges the token of one caller at the issuer.
   *
   * @throws {GatewayFault} as a rejection: `exchange-misconfigured` when the issuer rejects the gate as a client or the
   *   parameters in the policy, `issuer-unreachable` when its reply neither grants nor refuses a token
   */
  async exchange(subjectToken: string, asker: Asker): Promise<GrantedToken | ExchangeRefusal> {
    const { terms, grants } = this.#options
    if (this.#rejected !== undefined && performance.now() < this.#rejected.untilMs) throw this.#rejected.fault
    const grant = await grants.request(exchangeForm(terms, subjectToken, this.actorToken), asker)
    if ('unusable' in grant) throw this.misconfigured(grant.unusable)
    if (!('error' in grant)) {
      this.#works = true
      return grant
    }
    if (this.#concernsSubject(grant)) return { refused: grant.error }
    const { error, description } = grant
    const fault = this.misconfigured(description === undefined ? error : `${error}: ${description}`)
    if (aboutGate.has(error)) this.#rejected = { fault, untilMs: performance.now() + PAUSE_MS }
    throw fault
  }

  /**
   * Returns the fault for an exchange that fails because of the parameters in the policy or of the gate as an OAuth
   * client.
   */
  misconfigured(why: string): GatewayFault {
    const { issuer, path } = this.#options.terms
    return new GatewayFault(
      'exchange-misconfigured',
      'issuer',
      `token exchange at issuer ${issuer.name} failed: ${why}; check ${path.join('.')} in the policy and the client at the issuer`,
    )
  }

  get patienceMs(): number {
    return this.#options.grants.patienceMs
  }

  async close(): Promise<void> {
    this.#options.actor?.close()
    await this.#options.grants.close()
  }

  /**
   * Whether the error of a token exchange concerns the caller's token (subject token). RFC 8693 §2.2.2 uses
   * `invalid_request` both for an unacceptable subject token and for a wrong request of the gate. It counts as an error
   * of the request only if no exchange has succeeded yet and it has a description that names no token.
   */
  #concernsSubject({ error, description }: GrantError): boolean {
    if (error !== 'invalid_request') return aboutSubject.has(error)
    return this.#works || description === undefined || /subject|\btoken\b/i.test(description)
  }
}

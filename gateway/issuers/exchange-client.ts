import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import type { Secret } from '../base/secret.ts'
import { type ExchangeTerms, exchangeForm } from '../oauth/exchange-terms.ts'
import type { AuthenticatedEndpoint } from './authenticated-endpoint.ts'
import type { GrantError, GrantedToken } from './grant-reply.ts'
import type { Asker } from './question-queue.ts'

/** Result of an exchange: the issuer refuses to exchange this subject token. `why` is the error code of its reply. */
export interface ExchangeRefusal {
  readonly refused: string
}

export interface ExchangeClientOptions {
  readonly terms: ExchangeTerms
  readonly grants: AuthenticatedEndpoint
  /** Token of the gate as the acting party (`actor_token`); `undefined` when the policy has none. */
  readonly actor: Secret | undefined
}

/**
 * Errors about the subject token or its subject. `invalid_request` is handled separately, because it can also concern
 * the request of the gate.
 */
const aboutSubject: ReadonlySet<string> = new Set(['invalid_grant', 'access_denied', 'interaction_required'])

/** Errors about the gate's client. Every exchange would get the same error. */
const aboutGate: ReadonlySet<string> = new Set(['invalid_client', 'unauthorized_client', 'unsupported_grant_type'])
/** Time after an error about the gate's client in which no exchange is tried, ms. Issuers lock clients that keep trying. */
const PAUSE_MS = 1000

/** Exchanges tokens at one issuer under one entry of the policy (RFC 8693). */
export class ExchangeClient {
  readonly #options: ExchangeClientOptions
  /** True once the issuer has exchanged a token: the gate's own part of the requests is then correct. */
  #works = false
  /** Last rejection of the gate's own client by the issuer, and the end of the pause in requests; monotonic, ms. */
  #rejected: { readonly fault: GatewayFault; readonly untilMs: number } | undefined

  constructor(options: ExchangeClientOptions) {
    this.#options = options
  }

  get issuer(): ExchangeTerms['issuer'] {
    return this.#options.terms.issuer
  }

  /** The token of the gate as the acting party; `''` for none. Part of the cache key of an exchanged token. */
  get actorToken(): string {
    return this.#options.actor?.current ?? ''
  }

  /**
   * Exchanges one token.
   *
   * @throws {GatewayFault} as a rejection: `exchange-misconfigured` when the issuer rejects the gate or the entry of
   *   the policy, `issuer-unreachable` when it neither grants nor refuses
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

  /** Returns the fault for an exchange that fails because of the entry in the policy, or of the gate's client. */
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
   * Whether an error concerns the subject token. RFC 8693 §2.2.2 has `invalid_request` both for an unacceptable subject
   * token and for a wrong request. An error about the request says so in its description, and no exchange works then.
   */
  #concernsSubject({ error, description }: GrantError): boolean {
    if (error !== 'invalid_request') return aboutSubject.has(error)
    return this.#works || description === undefined || /subject|\btoken\b/i.test(description)
  }
}

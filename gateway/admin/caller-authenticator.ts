import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { VerificationReason } from '../base/reasons.ts'
import type { Secret } from '../base/secret.ts'
import { readAuthorization } from '../oauth/bearer.ts'
import { bearerChallenge } from '../oauth/challenge.ts'
import type { IssuerRules, TokenFacts } from '../oauth/token-facts.ts'
import { ApiProblem } from './api-problem.ts'
import type { ConsoleToken } from './login/console-session.ts'
import { allScopes } from './scopes.ts'

/**
 * Authenticated caller of the admin API: the owner of an access token of the admin issuer, or the holder of the
 * bootstrap token.
 */
export interface Caller {
  /** Subject (`sub`) of the access token of the admin API caller. */
  readonly who: string
  readonly client: string | undefined
  /** Kind of the credential. A session of the console states the token that it holds. */
  readonly credential: ConsoleToken | `console session (${ConsoleToken})`
  readonly scopes: ReadonlySet<string>
  /** Expiry of the access token, ms since the epoch; `undefined` for the bootstrap token. */
  readonly tokenEndsAtMs?: number | undefined
}

/** Caller of the admin API whose token this class has verified. */
export interface TokenCaller extends Caller {
  readonly credential: ConsoleToken
}

interface AdminVerifier {
  verify(
    token: string,
    issuers: ReadonlyMap<string, IssuerRules>,
    nowMs: number,
  ): TokenFacts | VerificationReason | Promise<TokenFacts | VerificationReason>
}

export interface CallerOptions {
  /** Returns the bootstrap token; `undefined` when the settings have no bootstrap token. */
  readonly bootstrapToken: () => Pick<Secret, 'current' | 'previous'> | undefined
  /** Issuer of admin tokens; `undefined` when no access token is accepted. */
  readonly issuer: { readonly rules: IssuerRules; readonly verifier: AdminVerifier } | undefined
  /** Revocations of the cluster; `undefined` when the node does not check revocations. */
  readonly revocations: { revoked(facts: TokenFacts, token: string): boolean } | undefined
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Authenticates callers of the admin API by a token: of the field `Authorization`, or of a session of the console. */
export class CallerAuthenticator {
  readonly #bootstrapToken: CallerOptions['bootstrapToken']
  readonly #verifier: AdminVerifier | undefined
  readonly #issuers: ReadonlyMap<string, IssuerRules>
  readonly #revocations: CallerOptions['revocations']

  constructor({ bootstrapToken, issuer, revocations }: CallerOptions) {
    this.#bootstrapToken = bootstrapToken
    this.#verifier = issuer?.verifier
    this.#revocations = revocations
    this.#issuers = new Map(issuer === undefined ? [] : [[issuer.rules.issuer, issuer.rules]])
  }

  /**
   * Identifies the caller of the admin API by the bearer token of the request.
   *
   * @throws {ApiProblem} 401 when there is no valid token (RFC 6750 §3.1)
   * @throws {GatewayFault} `issuer-unreachable` when the keys of the admin issuer are unavailable, so that the token
   *   can be neither accepted nor rejected
   */
  async identify({ headersDistinct }: IncomingMessage): Promise<TokenCaller> {
    const [field = '', ...more] = headersDistinct['authorization'] ?? []
    if (more.length > 0)
      throw new ApiProblem('invalid_request', 'the request has more than one Authorization field; send exactly one')
    const credential = readAuthorization(field)
    if (credential === 'credential-malformed') {
      throw new ApiProblem('invalid_request', 'the Authorization field is malformed; expected `Bearer` and one token')
    }
    if (credential === 'credential-missing' || credential.scheme !== 'bearer') throw this.#required()
    return this.identifyToken(credential.token)
  }

  /**
   * Identifies the caller of the admin API by a token.
   *
   * @throws {ApiProblem} 401 when the token is not valid (RFC 6750 §3.1)
   * @throws {GatewayFault} as for {@link identify}
   */
  async identifyToken(token: string): Promise<TokenCaller> {
    if (this.#isBootstrap(token)) {
      return { who: 'bootstrap', client: undefined, credential: 'bootstrap token', scopes: new Set([allScopes]) }
    }
    const facts = await this.#verifier?.verify(token, this.#issuers, Date.now())
    // All tokens that the admin API rejects get the same reply, whatever the reason. A revoked token is rejected too.
    // But unlike the data plane, the admin API accepts tokens while this node's list of revocations is out of date:
    // otherwise no operator could repair the node.
    const isAccepted =
      typeof facts === 'object' &&
      // A token that is bound to a key is rejected, because the admin API checks no proof of possession (RFC 7800
      // §3.1).
      facts.confirmation === undefined &&
      this.#revocations?.revoked(facts, token) !== true
    if (!isAccepted) {
      const fields = { 'www-authenticate': bearerChallenge({ error: 'invalid_token' }) }
      const cause = typeof facts === 'string' ? facts : undefined
      throw new ApiProblem('invalid_token', 'the admin API does not accept this token', { fields, cause })
    }
    const { subject, client, scopes, expiresAtS } = facts
    return { who: subject, client, credential: 'access token', scopes, tokenEndsAtMs: expiresAtS * 1000 }
  }

  /**
   * Whether a token is the bootstrap token, or during its rotation the previous one. Compares hashes, so that the
   * comparison takes the same time for every presented token, whatever its length.
   */
  #isBootstrap(token: string): boolean {
    const bootstrap = this.#bootstrapToken()
    if (bootstrap === undefined) return false
    const presented = digest(token)
    const isPrevious = bootstrap.previous !== undefined && timingSafeEqual(presented, digest(bootstrap.previous))
    return timingSafeEqual(presented, digest(bootstrap.current)) || isPrevious
  }

  #required(): ApiProblem {
    const closed = this.#bootstrapToken() === undefined && this.#verifier === undefined
    const hint = closed
      ? 'this node accepts no token: set admin.issuer or admin.bootstrap_token in its settings'
      : undefined
    const fields = { 'www-authenticate': bearerChallenge() }
    return new ApiProblem('credential_required', 'a bearer token is required', { fields, hint })
  }
}

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TokenReason } from '../base/reasons.ts'
import { readAuthorization } from '../oauth/bearer.ts'
import { bearerChallenge } from '../oauth/challenge.ts'
import type { IssuerRules, TokenFacts } from '../oauth/token-facts.ts'
import { ApiProblem } from './api-problem.ts'
import { allScopes, type Scope } from './scopes.ts'

/** Who calls: an access token of the admin issuer, or whoever holds the bootstrap token. */
export interface Caller {
  /** The token's subject. */
  readonly who: string
  readonly client: string | undefined
  readonly credential: 'bootstrap token' | 'access token'
  readonly scopes: ReadonlySet<string>
}

interface AdminVerifier {
  verify(
    token: string,
    issuers: ReadonlyMap<string, IssuerRules>,
    nowMs: number,
  ): TokenFacts | TokenReason | Promise<TokenFacts | TokenReason>
}

export interface CallerOptions {
  readonly bootstrapToken: string | undefined
  /** `undefined`: access tokens are not taken. */
  readonly issuer: { readonly rules: IssuerRules; readonly verifier: AdminVerifier } | undefined
  /** `undefined`: nothing can be revoked. */
  readonly revocations: { revoked(facts: TokenFacts, token: string): boolean } | undefined
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Judges the credential of a call. Cookies are none, so that no browser sends one along by itself. */
export class Callers {
  /** Only its hash: the comparison takes as long whatever is presented, and whatever its length. */
  readonly #bootstrap: Buffer | undefined
  readonly #verifier: AdminVerifier | undefined
  readonly #issuers: ReadonlyMap<string, IssuerRules>
  readonly #revocations: CallerOptions['revocations']

  constructor({ bootstrapToken, issuer, revocations }: CallerOptions) {
    this.#bootstrap = bootstrapToken === undefined ? undefined : digest(bootstrapToken)
    this.#verifier = issuer?.verifier
    this.#revocations = revocations
    this.#issuers = new Map(issuer === undefined ? [] : [[issuer.rules.issuer, issuer.rules]])
  }

  /**
   * @throws {ApiProblem} 401 where there is no good token (RFC 6750 §3.1)
   * @throws {GatewayFault} `issuer-unreachable` when the token cannot be verified now
   */
  async identify({ headersDistinct }: IncomingMessage): Promise<Caller> {
    const [field = '', ...more] = headersDistinct['authorization'] ?? []
    if (more.length > 0) throw new ApiProblem('invalid_request', 'Authorization occurs twice')
    const credential = readAuthorization(field)
    if (credential === 'credential-malformed') {
      throw new ApiProblem('invalid_request', 'Authorization is not a scheme and one token')
    }
    if (credential === 'credential-missing' || credential.scheme !== 'bearer') throw this.#required()
    if (this.#bootstrap !== undefined && timingSafeEqual(digest(credential.token), this.#bootstrap)) {
      return { who: 'bootstrap', client: undefined, credential: 'bootstrap token', scopes: new Set([allScopes]) }
    }
    const facts = await this.#verifier?.verify(credential.token, this.#issuers, Date.now())
    // All bad tokens look the same to the caller, whatever is wrong with them.
    // What is revoked for the gate is revoked here; but a replica that is out of date must not lock out who mends it.
    const good = typeof facts === 'object' && this.#revocations?.revoked(facts, credential.token) !== true
    if (!good) {
      const fields = { 'www-authenticate': bearerChallenge({ error: 'invalid_token' }) }
      throw new ApiProblem('invalid_token', 'the admin API does not take this token', { fields })
    }
    return { who: facts.subject, client: facts.client, credential: 'access token', scopes: facts.scopes }
  }

  #required(): ApiProblem {
    const closed = this.#bootstrap === undefined && this.#verifier === undefined
    const hint = closed ? 'this node takes none: set admin.issuer or admin.bootstrap_token' : undefined
    const fields = { 'www-authenticate': bearerChallenge() }
    return new ApiProblem('credential_required', 'a bearer token is required', { fields, hint })
  }
}

/** @throws {ApiProblem} 403 that names the scope (RFC 6750 §3.1) */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.scopes.has(scope) || caller.scopes.has(allScopes)) return
  const fields = { 'www-authenticate': bearerChallenge({ error: 'insufficient_scope', scope }) }
  throw new ApiProblem('insufficient_scope', `the token lacks the scope ${scope}`, { fields })
}

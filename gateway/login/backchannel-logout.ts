import { denial } from '../base/denial.ts'
import { isSignedBy } from '../issuers/issuer-signature.ts'
import type { IssuerLog } from '../issuers/key-set.ts'
import type { KeySource } from '../issuers/key-source.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { ATTEMPT_MS } from './attempt.ts'
import { type LoginReply, unkept } from './login-reply.ts'
import { LOGOUT_TOKEN_MAX_AGE_S, type LogoutToken, readLogoutToken } from './logout-token.ts'
import type { UsedLogoutTokens } from './used-logout-tokens.ts'

export interface BackchannelLogoutDependencies {
  readonly keys: KeySource
  readonly used: UsedLogoutTokens
  readonly sessions: Pick<Sessions, 'endAtIssuer'>
  readonly log: IssuerLog
}

/** Receives the logout tokens that issuers send (OpenID Connect Back-Channel Logout 1.0). */
export class BackchannelLogout {
  readonly #dependencies: BackchannelLogoutDependencies

  constructor(dependencies: BackchannelLogoutDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Ends the sessions that the logout token names: by `sid`, by subject, or, with both, the sessions of the `sid` that
   * belong to the subject. When the reply is 200, every node that has acknowledged the logout rejects these sessions. A
   * login of the same subject or `sid` that began before the logout creates no session.
   *
   * The token counts as used only after the sessions have ended. An issuer that received no 200 can therefore send the
   * token again. Two concurrent deliveries of one token end the same sessions.
   *
   * @param form  parsed body of the request
   * @throws {GatewayFault} `store-unavailable`, `issuer-unreachable`; the issuer can send the same token again
   */
  async receive(form: URLSearchParams, issuers: readonly IssuerRules[]): Promise<LoginReply> {
    const [text, ...more] = form.getAll('logout_token')
    if (text === undefined || more.length > 0)
      return this.#refuse('logout-token', 'expected exactly one logout_token in the form')
    const token = readLogoutToken(text, issuers, Date.now() / 1000)
    if (typeof token === 'string') return this.#refuse('logout-token', token)
    const { rules, header, tokenId } = token
    const { keys, used, log } = this.#dependencies
    if (!(await isSignedBy(rules, text, header, keys, 'anyone')))
      return this.#refuse('logout-token', 'the signature of the logout token is invalid')
    const lifeMs = 2 * (LOGOUT_TOKEN_MAX_AGE_S + rules.clockToleranceS) * 1000
    if (await used.has(rules.issuer, tokenId)) {
      return this.#refuse('logout-replayed', 'the logout token was already used', rules.name)
    }
    const missing = await this.#end(token)
    if (missing === 'other-subject') {
      return this.#refuse('logout-subject', 'sid belongs to sessions of another sub', rules.name)
    }
    await used.add(rules.issuer, tokenId, lifeMs)
    log(
      'info',
      'sessions ended by a logout token of the issuer; nodes in `missing` have not acknowledged the end of the sessions',
      {
        issuer: rules.name,
        missing,
      },
    )
    const session = { issuer: rules.issuer, subject: token.subject, id: token.sessionId }
    return { reason: 'logged-out', status: 200, fields: unkept, body: '', session }
  }

  /**
   * Ends the sessions that the logout token names.
   *
   * @returns nodes that have not acknowledged the end of the sessions; `other-subject` when the `sid` belongs to
   *   another subject
   */
  async #end({
    rules: { issuer, login },
    sessionId,
    subject,
    issuedAtS,
  }: LogoutToken): Promise<readonly string[] | 'other-subject'> {
    const selector = sessionId === undefined ? { subject: subject!, issuer } : { sid: sessionId, issuer }
    const logout = { issuedAtS, rememberMs: login!.lifetime.absoluteMs + ATTEMPT_MS, subject }
    const options = { wait: 'all', durable: false } as const
    const ended = await this.#dependencies.sessions.endAtIssuer(selector, logout, 'back-channel logout', options)
    return ended === 'other-subject' ? ended : (ended.receipt?.missing ?? [])
  }

  #refuse(reason: 'logout-token' | 'logout-replayed' | 'logout-subject', problem: string, issuer?: string): LoginReply {
    this.#dependencies.log('warn', 'logout token rejected', { ...(issuer && { issuer }), problem })
    const { status } = denial(reason)
    // Builds the error reply to a logout token (Back-Channel Logout 1.0 §2.8), which has the format of a token endpoint
    // (RFC 6749 §5.2).
    const body = JSON.stringify({ error: 'invalid_request', error_description: problem })
    return { reason, status, fields: [...unkept, ['content-type', 'application/json']], body }
  }
}

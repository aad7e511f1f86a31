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

export interface BackchannelLogoutParts {
  readonly keys: KeySource
  readonly used: UsedLogoutTokens
  readonly sessions: Pick<Sessions, 'endAtIssuer'>
  readonly log: IssuerLog
}

/** An issuer says that somebody has logged out there (OpenID Connect Back-Channel Logout). */
export class BackchannelLogout {
  readonly #parts: BackchannelLogoutParts

  constructor(parts: BackchannelLogoutParts) {
    this.#parts = parts
  }

  /**
   * Ends the sessions that the logout token names: of its `sid`, of its person, or with both, those of its `sid` that belong
   * to its person. After 200 no node admits them any more, as far
   * as its receipt says, and no login from before the logout makes a session.
   *
   * The token counts as used only after the sessions have ended: an issuer that got no 200 can send it again, whatever
   * became of the first delivery. Two deliveries at the same time end the same sessions.
   *
   * @param form  body of the request
   * @throws {GatewayFault} `store-unavailable`, `issuer-unreachable`; the issuer may try the same token again
   */
  async receive(form: URLSearchParams, issuers: readonly IssuerRules[]): Promise<LoginReply> {
    const [text, ...more] = form.getAll('logout_token')
    if (text === undefined || more.length > 0) return this.#refuse('logout-token', 'the form has not one logout_token')
    const token = readLogoutToken(text, issuers, Date.now() / 1000)
    if (typeof token === 'string') return this.#refuse('logout-token', token)
    const { rules, header, tokenId } = token
    const { keys, used, log } = this.#parts
    if (!(await isSignedBy(rules, text, header, keys, 'anyone')))
      return this.#refuse('logout-token', 'nobody has signed it')
    const lifeMs = 2 * (LOGOUT_TOKEN_MAX_AGE_S + rules.clockToleranceS) * 1000
    if (await used.has(rules.issuer, tokenId)) {
      return this.#refuse('logout-replayed', 'it was used before', rules.name)
    }
    const missing = await this.#end(token)
    if (missing === 'other-subject') {
      return this.#refuse('logout-subject', 'its sid is that of sessions of another sub', rules.name)
    }
    await used.add(rules.issuer, tokenId, lifeMs)
    log('info', 'logged out by the issuer', { issuer: rules.name, missing })
    const session = { issuer: rules.issuer, subject: token.subject, id: token.sessionId }
    return { reason: 'logged-out', status: 200, fields: unkept, body: '', session }
  }

  /** @returns nodes that have not acknowledged it */
  async #end({
    rules: { issuer, login },
    sessionId,
    subject,
    issuedAtS,
  }: LogoutToken): Promise<readonly string[] | 'other-subject'> {
    const selector = sessionId === undefined ? { subject: subject!, issuer } : { sid: sessionId, issuer }
    const logout = { issuedAtS, rememberMs: login!.lifetime.absoluteMs + ATTEMPT_MS, subject }
    const options = { wait: 'all', durable: false } as const
    const ended = await this.#parts.sessions.endAtIssuer(selector, logout, 'back-channel logout', options)
    return ended === 'other-subject' ? ended : (ended.receipt?.missing ?? [])
  }

  #refuse(reason: 'logout-token' | 'logout-replayed' | 'logout-subject', problem: string, issuer?: string): LoginReply {
    this.#parts.log('warn', 'logout token refused', { ...(issuer && { issuer }), problem })
    const { status } = denial(reason)
    // §2.8: as errors of a token endpoint are told (RFC 6749 §5.2).
    const body = JSON.stringify({ error: 'invalid_request', error_description: problem })
    return { reason, status, fields: [...unkept, ['content-type', 'application/json']], body }
  }
}

import type { LoginClient } from '../issuers/login-client.ts'
import type { LoginClients } from '../issuers/login-clients.ts'
import type { Session, SessionTokens } from '../sessions/session.ts'
import { readCookie } from '../sessions/session-cookie.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { type BrowserRequest, sessionCookieOf } from './browser-request.ts'
import { confirmLogoutPage, loggedOutPage } from './login-pages.ts'
import { logoutPaths } from './login-paths.ts'
import { type LoginReply, redirection } from './login-reply.ts'

export interface LogoutsParts {
  readonly clients: Pick<LoginClients, 'of'>
  readonly sessions: Pick<Sessions, 'find' | 'end'>
}

/** Tokens of ended sessions whose issuers are being told. More are left to the gate's own refusal. */
const FORGETTING_MAX = 256

/** Logs browsers out: here at once, on every node; at the issuer as far as it goes along. */
export class Logouts {
  readonly #parts: LogoutsParts
  #forgetting = 0

  constructor(parts: LogoutsParts) {
    this.#parts = parts
  }

  /**
   * Ends the browser's session and sends it to log out at the issuer. Only where a page of this origin asks for it; else
   * the browser is asked first, so that no other site can log anybody out.
   *
   * @throws {GatewayFault} `store-unavailable`: the session was not ended
   */
  async logout(request: BrowserRequest): Promise<LoginReply> {
    const { publicUrl, cookies, sameOrigin, issuers } = request
    const cookie = sessionCookieOf(publicUrl)
    const value = readCookie(cookies, cookie)
    const session = value === undefined ? undefined : await this.#parts.sessions.find(value)
    const forget = cookies.includes(`${cookie.name}=`) ? [cookie.clear] : []
    if (session === undefined) return loggedOutPage(`${publicUrl}/`, forget)
    const rules = issuers.find(({ issuer }) => issuer === session.issuer)
    const client = rules && this.#parts.clients.of(rules)
    const elsewhere = await issuerLogout(client, session, publicUrl)
    if (!sameOrigin) return confirmLogoutPage(elsewhere === undefined ? [] : [new URL(elsewhere).origin])
    await this.#parts.sessions.end({ session: session.id }, 'logout')
    if (client !== undefined) this.#forget(client, session.tokens)
    const reply =
      elsewhere === undefined ? loggedOutPage(`${publicUrl}/`, forget) : redirection('logged-out', elsewhere, forget)
    return { ...reply, session }
  }

  /** Tells the issuer, for which nobody waits: the session is over whatever it says (RFC 7009). */
  #forget(client: LoginClient, { refreshToken, accessToken }: SessionTokens): void {
    if (this.#forgetting >= FORGETTING_MAX) return
    this.#forgetting++
    const told = [
      ...(refreshToken === undefined ? [] : [client.revoke(refreshToken, 'refresh_token')]),
      client.revoke(accessToken, 'access_token'),
    ]
    // What went wrong has been logged; the tokens end by themselves.
    void Promise.allSettled(told).finally(() => this.#forgetting--)
  }
}

/** Where to log out at the issuer. One that cannot be asked must not keep anybody logged in here. */
async function issuerLogout(
  client: LoginClient | undefined,
  { tokens }: Session,
  publicUrl: string,
): Promise<string | undefined> {
  try {
    return await client?.logoutUrl(tokens.idToken, publicUrl + logoutPaths[0])
  } catch {
    return undefined
  }
}

import { Supervisor } from '../base/supervisor.ts'
import type { LoginClient } from '../issuers/login-client.ts'
import type { LoginClients } from '../issuers/login-clients.ts'
import type { Session, SessionTokens } from '../sessions/session.ts'
import { readCookies } from '../sessions/session-cookie.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { type BrowserRequest, sessionCookieOf } from './browser-request.ts'
import { confirmLogoutPage, loggedOutPage } from './login-pages.ts'
import { logoutPaths } from './login-paths.ts'
import { type LoginReply, redirection } from './login-reply.ts'

export interface LogoutsDependencies {
  readonly clients: Pick<LoginClients, 'of'>
  readonly sessions: Pick<Sessions, 'find' | 'end' | 'idOf' | 'revoked'>
}

/** A session that a cookie of the request names. */
interface PresentedSession {
  readonly id: string
  /**
   * The record of the session; `undefined` when Redis has no record of it. Other nodes may still have the session in
   * memory.
   */
  readonly session: Session | undefined
}

/**
 * Maximum number of ended sessions whose tokens are being revoked at the issuer at the same time. The tokens of further
 * sessions are not revoked at the issuer; only the gate rejects these sessions.
 */
const FORGETTING_MAX = 256

/** Logs browsers out: ends the session on all nodes, and redirects to the issuer's logout if the issuer has one. */
export class Logouts {
  readonly #dependencies: LogoutsDependencies
  /** Logouts in progress, by session. @bound request */
  readonly #ending = new Map<string, Promise<unknown>>()
  readonly #task = new Supervisor('logout-tokens')
  #forgetting = 0

  constructor(dependencies: LogoutsDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Ends every session whose cookie the browser sent, and redirects the browser to the issuer's logout. A request that
   * was not caused by a page of the same origin gets a confirmation page first, so that no other site can log a user
   * out.
   *
   * A session is also revoked when Redis has no record of the session. Only cookie values with a valid tag of the gate
   * count, so clients cannot fill the list of revocations with invented ids. A cookie that is sent several times adds
   * one entry.
   *
   * @throws {GatewayFault} `store-unavailable`: the revocation could not be written, and the browser is not logged out
   */
  async logout(request: BrowserRequest): Promise<LoginReply> {
    const { publicUrl, cookies, sameOrigin, issuers, hasStartPage } = request
    const cookie = sessionCookieOf(publicUrl)
    const presented = await this.#presented(readCookies(cookies, cookie), publicUrl)
    const forget = cookies.includes(`${cookie.name}=`) ? [cookie.clear] : []
    const loggedOut = () => loggedOutPage(hasStartPage() ? `${publicUrl}/` : undefined, forget)
    if (presented.length === 0) return loggedOut()
    const sessions = presented.flatMap(({ session }) => session ?? [])
    const clientOf = (session: Session): LoginClient | undefined => {
      const rules = issuers.find(({ issuer }) => issuer === session.issuer)
      return rules && this.#dependencies.clients.of(rules)
    }
    const [session] = sessions
    // Use the URL of the login's host: the issuer returns the browser to the host at which the user logged in, because
    // only the URI of this host is registered at the issuer.
    const back = session?.origin ?? publicUrl
    const issuerUrl = async () => session && issuerLogout(clientOf(session), session, back)
    if (!sameOrigin) {
      const elsewhere = await issuerUrl()
      return confirmLogoutPage(
        elsewhere === undefined ? [] : [new URL(elsewhere).origin, ...(back === publicUrl ? [] : [back])],
      )
    }
    for (const { id } of presented) await this.#end(id)
    for (const each of sessions) {
      const client = clientOf(each)
      if (client !== undefined) this.#forget(client, each.tokens)
    }
    // Fetch the issuer's logout URL after the sessions have ended, so that a slow issuer does not delay their end.
    const elsewhere = await issuerUrl()
    const reply = elsewhere === undefined ? loggedOut() : redirection('logged-out', elsewhere, forget)
    return { ...reply, session: session ?? { issuer: undefined, subject: undefined, id: presented[0]!.id } }
  }

  /**
   * Returns the sessions of all cookie values with a valid tag, except sessions that are revoked as far as this node
   * knows.
   */
  async #presented(values: Iterable<string>, publicUrl: string): Promise<PresentedSession[]> {
    const { sessions } = this.#dependencies
    const presented: PresentedSession[] = []
    for (const value of values) {
      const id = sessions.idOf(value, publicUrl)
      if (id === undefined) continue
      const session = await sessions.find(value, publicUrl)
      if (session !== undefined || !sessions.revoked(id)) presented.push({ id, session })
    }
    return presented
  }

  /** Share one revocation between concurrent requests that log out the same session. */
  #end(id: string): Promise<unknown> {
    const joined = this.#ending.get(id)
    if (joined !== undefined) return joined
    const ended = this.#dependencies.sessions.end({ session: id }, 'logout').finally(() => this.#ending.delete(id))
    this.#ending.set(id, ended)
    return ended
  }

  /** Revokes the tokens of an ended session at the issuer (RFC 7009), in the background. */
  #forget(client: LoginClient, { refreshToken, accessToken }: SessionTokens): void {
    if (this.#forgetting >= FORGETTING_MAX) return
    this.#forgetting++
    const told = [
      ...(refreshToken === undefined ? [] : [client.revoke(refreshToken, 'refresh_token')]),
      client.revoke(accessToken, 'access_token'),
    ]
    // Ignore a failure, which the login client logs: a token that was not revoked at the issuer expires there.
    void this.#task.attempt(async () => {
      await Promise.allSettled(told)
      this.#forgetting--
    })
  }
}

/**
 * Returns the logout URL of the issuer; `undefined` if the issuer has none or is unavailable. The logout at the gate
 * does not depend on this URL.
 */
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

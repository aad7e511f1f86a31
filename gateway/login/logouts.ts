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

/** A session whose cookie the browser presents. */
interface PresentedSession {
  readonly id: string
  /** `undefined`: Redis has no record of it. Other nodes may still have it in memory. */
  readonly session: Session | undefined
}

/** Tokens of ended sessions whose issuers are being told. More are left to the gate's own refusal. */
const FORGETTING_MAX = 256

/** Logs browsers out of all nodes at once, and of the issuer if the issuer supports it. */
export class Logouts {
  readonly #dependencies: LogoutsDependencies
  readonly #ending = new Map<string, Promise<unknown>>()
  readonly #task = new Supervisor('logout-tokens')
  #forgetting = 0

  constructor(dependencies: LogoutsDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Ends the browser's session and redirects the browser to the issuer's logout. A request that no page of this origin
   * caused gets a confirmation page first, so that no other site can log a user out.
   *
   * The session is also revoked when Redis has lost its record. Only cookie values with the gate's own tag count, so
   * clients cannot fill the list of revocations with invented ids. One cookie adds one entry, however often it is sent.
   *
   * @throws {GatewayFault} `store-unavailable`: the revocation could not be written, and the browser is not logged out
   */
  async logout(request: BrowserRequest): Promise<LoginReply> {
    const { publicUrl, cookies, sameOrigin, issuers } = request
    const cookie = sessionCookieOf(publicUrl)
    const presented = await this.#presented(readCookies(cookies, cookie))
    const forget = cookies.includes(`${cookie.name}=`) ? [cookie.clear] : []
    if (presented.length === 0) return loggedOutPage(`${publicUrl}/`, forget)
    const sessions = presented.flatMap(({ session }) => session ?? [])
    const clientOf = (session: Session): LoginClient | undefined => {
      const rules = issuers.find(({ issuer }) => issuer === session.issuer)
      return rules && this.#dependencies.clients.of(rules)
    }
    const [session] = sessions
    const issuerUrl = async () => session && issuerLogout(clientOf(session), session, publicUrl)
    if (!sameOrigin) {
      const elsewhere = await issuerUrl()
      return confirmLogoutPage(elsewhere === undefined ? [] : [new URL(elsewhere).origin])
    }
    for (const { id } of presented) await this.#end(id)
    for (const each of sessions) {
      const client = clientOf(each)
      if (client !== undefined) this.#forget(client, each.tokens)
    }
    // After the sessions have ended: an issuer that is slow to answer must not keep them alive.
    const elsewhere = await issuerUrl()
    const reply =
      elsewhere === undefined ? loggedOutPage(`${publicUrl}/`, forget) : redirection('logged-out', elsewhere, forget)
    return { ...reply, session: session ?? { issuer: undefined, subject: undefined, id: presented[0]!.id } }
  }

  /** Sessions that these cookie values prove, without those that this node knows to be revoked already. */
  async #presented(values: Iterable<string>): Promise<PresentedSession[]> {
    const { sessions } = this.#dependencies
    const presented: PresentedSession[] = []
    for (const value of values) {
      const id = sessions.idOf(value)
      if (id === undefined) continue
      const session = await sessions.find(value)
      if (session !== undefined || !sessions.revoked(id)) presented.push({ id, session })
    }
    return presented
  }

  /** Requests that log the same session out at the same time share one order. */
  #end(id: string): Promise<unknown> {
    const joined = this.#ending.get(id)
    if (joined !== undefined) return joined
    const ended = this.#dependencies.sessions.end({ session: id }, 'logout').finally(() => this.#ending.delete(id))
    this.#ending.set(id, ended)
    return ended
  }

  /** Revokes the tokens at the issuer (RFC 7009), in the background. The session has ended already. */
  #forget(client: LoginClient, { refreshToken, accessToken }: SessionTokens): void {
    if (this.#forgetting >= FORGETTING_MAX) return
    this.#forgetting++
    const told = [
      ...(refreshToken === undefined ? [] : [client.revoke(refreshToken, 'refresh_token')]),
      client.revoke(accessToken, 'access_token'),
    ]
    // The client has logged failures. Tokens that were not revoked expire.
    void this.#task.attempt(async () => {
      await Promise.allSettled(told)
      this.#forgetting--
    })
  }
}

/** Logout URL of the issuer; `undefined` if it has none or is unavailable. The logout here does not depend on it. */
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

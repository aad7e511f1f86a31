import type { StepUp } from '../base/denial.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { lastEndOf, type OpenedSession, type Session } from '../sessions/session.ts'
import { readCookie } from '../sessions/session-cookie.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { ATTEMPT_MS, attemptHash, type HandOverTarget } from './attempt.ts'
import { browserOf, chooseBrowserCookie, forgetBrowserCookies, readBrowserCookies } from './browser-cookie.ts'
import { type BrowserRequest, sessionCookieOf, soleParameter } from './browser-request.ts'
import type { HandedOver, HandOverCodes } from './hand-over-codes.ts'
import { HAND_OVER_REQUEST_MS, type HandOverRequest, type HandOverRequests } from './hand-over-request.ts'
import { failurePage } from './login-pages.ts'
import { enterPath, handOverPath, loginUrl } from './login-paths.ts'
import { type LoginReply, redirection } from './login-reply.ts'
import type { Redemptions } from './redemptions.ts'

export interface HostLoginsDependencies {
  readonly requests: HandOverRequests
  readonly codes: HandOverCodes
  readonly redemptions: Redemptions
  readonly sessions: Pick<Sessions, 'find' | 'idOf' | 'fresh' | 'admit' | 'end' | 'revoked'>
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, unknown>) => void
}

/** A login request of another host, with which a browser has arrived at `login.host`. */
export interface ArrivedRequest {
  readonly rules: IssuerRules
  readonly request: HandOverRequest
  readonly target: HandOverTarget
}

type RequestWish = Pick<HandOverRequest, 'returnTo' | 'stepUp' | 'prompt' | 'oauth2'>

/**
 * Logins that take place at one host, `login.host` of an issuer, for the hosts of `login.return_to`. A host sends the
 * browser to `login.host` with an encrypted request. `login.host` returns the browser with a code, which the host
 * redeems for its own cookie.
 */
export class HostLogins {
  readonly #dependencies: HostLoginsDependencies

  constructor(dependencies: HostLoginsDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Returns where a login that begins at the requested host takes place: `here`, or at the origin of `login.host`.
   * Returns `refused` when the policy does not allow a login for the requested host.
   */
  placeOf(request: BrowserRequest, rules: IssuerRules): 'here' | 'refused' | { readonly origin: string } {
    const { host } = rules.login!
    const requested = nameOf(request.publicUrl)
    if (host === undefined || requested === host) return 'here'
    const origin = request.urlOf(host)
    return origin === undefined || !request.sharesLogin(rules, requested) ? 'refused' : { origin }
  }

  /**
   * Sends the browser to `login.host`. Writes nothing to Redis.
   *
   * @param to  origin of `login.host`
   * @param session  session that the browser has at the requested host. The login must result in another session
   */
  send(
    request: BrowserRequest,
    rules: IssuerRules,
    to: string,
    wish: RequestWish,
    session: Session | undefined,
  ): LoginReply {
    const { publicUrl } = request
    const cookie = sessionCookieOf(publicUrl)
    const { chosen, cookies } = chooseBrowserCookie(readBrowserCookies(request.cookies, cookie), cookie)
    const state = this.#dependencies.requests.seal({
      ...wish,
      issuerName: rules.name,
      issuer: attemptHash(rules.issuer),
      origin: publicUrl,
      browser: browserOf(chosen),
      session: session?.id,
    })
    return redirection('login-begun', `${to}${handOverPath}?state=${state}`, cookies)
  }

  /**
   * Validates the request with which another host sent the browser to this host. Only a request that this cluster
   * sealed, for a host that the policy in force names, is accepted. Calls neither Redis nor the issuer: clients can
   * send any number of valid requests. `giveCode` detects a request that was used before.
   */
  arrive(request: BrowserRequest): ArrivedRequest | LoginReply {
    const { requests } = this.#dependencies
    const text = soleParameter(new URLSearchParams(request.query), 'state')
    if (text === undefined) return failurePage('login-reply-malformed', loginUrl(request.publicUrl))
    const opened = requests.open(text)
    if (opened === undefined) return failurePage('login-unknown', this.#againUrl(request, text))
    const { request: asked, hash } = opened
    const rules = request.issuers.find(({ name }) => name === asked.issuerName)
    if (rules === undefined || attemptHash(rules.issuer) !== asked.issuer || !isLoginHost(request, rules)) {
      return failurePage('login-unknown', this.#againUrl(request, text))
    }
    if (!isHostOf(request, rules, asked.origin)) return failurePage('login-host-refused', loginUrl(request.publicUrl))
    return { rules, request: asked, target: { origin: asked.origin, browser: asked.browser, request: hash } }
  }

  /**
   * Whether the browser's session at `login.host` meets what the other host requests. If not, the browser must log in
   * at the issuer. Refreshes the session if its access token expires soon.
   *
   * @throws {GatewayFault} `refresh-unavailable`, `store-unavailable`
   */
  async suffices(session: Session | undefined, { rules, request }: ArrivedRequest): Promise<boolean> {
    if (session === undefined || session.issuer !== rules.issuer || request.prompt !== undefined) return false
    // Require a new login when the browser already has this session at the other host: the login must result in another
    // session.
    if (session.id === request.session) return false
    const nowS = Date.now() / 1000
    if (nowS >= lastEndOf(session, rules.login!.lifetime.absoluteMs) || !fulfils(session, request.stepUp, nowS)) {
      return false
    }
    return (await this.#dependencies.sessions.fresh(session)) !== undefined
  }

  /**
   * Returns the browser to the host at which its login began, with a code for that host. Marks the request of the host
   * as used.
   *
   * @param cookies  values of `Set-Cookie` headers
   * @throws {GatewayFault} `store-unavailable`
   */
  async giveCode(
    session: Session,
    rules: IssuerRules,
    target: HandOverTarget,
    returnTo: string,
    cookies: readonly string[] = [],
  ): Promise<LoginReply> {
    const { codes, redemptions } = this.#dependencies
    const { origin, browser, request } = target
    // Keep the mark for the lifetime of a request plus the lifetime of a login attempt: a login that began shortly
    // before the request expired can still bring the request back.
    if (!(await redemptions.redeem(request, HAND_OVER_REQUEST_MS + ATTEMPT_MS))) {
      return failurePage('login-unknown', loginUrl(origin, { returnTo, issuers: [rules.name] }), [], cookies)
    }
    const code = await codes.issue({ issuerName: rules.name, session: session.id, browser, returnTo }, origin)
    return { ...redirection('login-handed-over', `${origin}${enterPath}?code=${code}`, cookies), session }
  }

  /**
   * Redeems a hand-over code at the host for which `login.host` issued it, and gives the browser a cookie for this
   * host. Only the browser that began the login gets the cookie. The code is redeemed by any browser: an attacker can
   * begin a login, let another user's browser obtain the code, and read the code in an access log of a proxy.
   *
   * @throws {GatewayFault} `store-unavailable`
   */
  async enter(request: BrowserRequest): Promise<LoginReply> {
    const { publicUrl } = request
    const { codes, sessions, log } = this.#dependencies
    const code = soleParameter(new URLSearchParams(request.query), 'code')
    const handed = await codes.redeem(code, publicUrl)
    if (handed === undefined) return failurePage('login-unknown', loginUrl(publicUrl))
    const { returnTo, issuerName } = handed
    const again = loginUrl(publicUrl, { returnTo, issuers: [issuerName] })
    const cookie = sessionCookieOf(publicUrl)
    const value = readCookie(request.cookies, cookie)
    const present = value === undefined ? undefined : await sessions.find(value, publicUrl)
    // Keep the session when another tab of the browser has already redeemed a code of the same login here.
    if (present !== undefined && present.id === handed.session) {
      return redirection('login-done-already', publicUrl + returnTo)
    }
    const known = readBrowserCookies(request.cookies, cookie)
    const isOwn = known.some((each) => browserOf(each) === handed.browser)
    // Keep the other session: since this login began, another tab of the browser has logged in, and has another
    // session.
    if (!isOwn && present !== undefined) return redirection('login-done-already', publicUrl + returnTo)
    if (!isOwn) return failurePage('login-foreign', again)
    const entered = await this.#admit(request, handed)
    if (entered === undefined) return failurePage('login-unknown', again)
    const { session } = entered
    const before = value === undefined ? undefined : sessions.idOf(value, publicUrl)
    if (before !== undefined && before !== session.id && !sessions.revoked(before)) {
      await sessions.end({ session: before }, 'replaced')
    }
    const { subject, id } = session
    log('info', 'logged in through login.host', {
      issuer: issuerName,
      subject,
      session: id,
      host: publicUrl,
    })
    const cookies = [cookie.set(entered.cookie), ...forgetBrowserCookies(known, cookie)]
    return { ...redirection('logged-in', publicUrl + returnTo, cookies), session }
  }

  /**
   * Adds the requested host, with a cookie, to the session, if the policy in force still hands logins over to the host.
   */
  async #admit(request: BrowserRequest, { issuerName, session }: HandedOver): Promise<OpenedSession | undefined> {
    const rules = request.issuers.find(({ name }) => name === issuerName)
    if (rules === undefined || !isHostOf(request, rules, request.publicUrl)) return undefined
    const opened = await this.#dependencies.sessions.admit(session, request.publicUrl)
    return opened?.session.issuer === rules.issuer ? opened : undefined
  }

  /** URL that starts a failed login again at the host that requested it. */
  #againUrl(request: BrowserRequest, text: string): string {
    const asked = this.#dependencies.requests.openExpired(text)
    const rules = request.issuers.find(({ name }) => name === asked?.issuerName)
    if (asked === undefined || rules === undefined || !isHostOf(request, rules, asked.origin)) {
      return loginUrl(request.publicUrl)
    }
    return loginUrl(asked.origin, { returnTo: asked.returnTo, issuers: [rules.name], ...asked.stepUp })
  }
}

function nameOf(origin: string): string {
  return new URL(origin).hostname
}

function isLoginHost({ publicUrl }: BrowserRequest, { login }: IssuerRules): boolean {
  return login!.host !== undefined && nameOf(publicUrl) === login!.host
}

/** Whether the policy and the public URLs in force hand logins of the issuer over to this origin. */
export function isHostOf({ isListed, sharesLogin }: BrowserRequest, rules: IssuerRules, origin: string): boolean {
  return sharesLogin(rules, nameOf(origin)) && isListed(origin)
}

/** Whether the login of a session was strong enough (`acr`) and recent enough (`max_age`). */
function fulfils({ acr, authTimeS }: Session, { acrValues, maxAgeS }: StepUp, nowS: number): boolean {
  if (acrValues !== undefined && (acr === undefined || !acrValues.includes(acr))) return false
  return maxAgeS === undefined || (authTimeS !== undefined && nowS - authTimeS <= maxAgeS)
}

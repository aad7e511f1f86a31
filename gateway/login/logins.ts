import { setTimeout } from 'node:timers/promises'
import type { StepUp } from '../base/denial.ts'
import { type LoginGrant, type LoginRefusal, newLoginSecrets } from '../issuers/login-client.ts'
import type { LoginClients } from '../issuers/login-clients.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { callbackPath, callbackPaths, isCallbackPathOf } from '../policy/issuers/callback-paths.ts'
import type { NewSession, OpenedSession, Session } from '../sessions/session.ts'
import { readCookie } from '../sessions/session-cookie.ts'
import { isTooLarge } from '../sessions/session-size.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { ATTEMPT_MS, attemptHash, type HandOverTarget, type LoginAttempt } from './attempt.ts'
import { bringsCode } from './authorization-reply.ts'
import { browserOf, chooseBrowserCookie, forgetBrowserCookies, readBrowserCookies } from './browser-cookie.ts'
import { type BrowserRequest, sessionCookieOf, soleParameter } from './browser-request.ts'
import { type HostLogins, isHostOf } from './host-logins.ts'
import type { LoginCounts } from './login-counts.ts'
import { choicePage, confirmSwitchPage, failurePage } from './login-pages.ts'
import { loginPaths, loginUrl } from './login-paths.ts'
import { type LoginReply, redirection } from './login-reply.ts'
import type { LoginStates } from './login-states.ts'
import { newSessionOf } from './new-session.ts'
import type { Redemptions } from './redemptions.ts'
import { returnPath } from './return-path.ts'
import { sessionTag } from './session-tag.ts'
import type { SwitchConsents } from './switch-consents.ts'

export interface LoginsDependencies {
  readonly clients: Pick<LoginClients, 'of'>
  readonly states: LoginStates
  readonly redemptions: Redemptions
  readonly consents: SwitchConsents
  readonly sessions: Pick<Sessions, 'find' | 'idOf' | 'create' | 'replace' | 'ended' | 'revoked' | 'lastEventMs'>
  readonly hosts: HostLogins
  readonly counts: LoginCounts
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, unknown>) => void
}

/** A login for which the browser is redirected to the issuer. */
interface BeginWish {
  readonly returnTo: string
  readonly stepUp: StepUp
  readonly prompt: 'login' | undefined
  /** Path of the gate at which the login starts; the path determines the redirect URI. */
  readonly path: (typeof loginPaths)[number]
  /** Other host to which the login is handed over; `undefined` for a login at the requested host. */
  readonly handOver?: HandOverTarget
}

/**
 * An order to end all sessions of the user that was given shortly before can also match the new session. The login then
 * waits for this time, ms, and creates its session again, at most `SETTLE_TRIES` times.
 */
const SETTLE_MS = 1000
const SETTLE_TRIES = 5

/** Errors of a code exchange that do not show whether the issuer had issued the code. */
const unproven: ReadonlySet<LoginRefusal['refused']> = new Set(['login-unproven', 'login-misconfigured'])

/** Logs browsers in: redirects a browser to the issuer, and creates a session from the issuer's response. */
export class Logins {
  readonly #dependencies: LoginsDependencies

  constructor(dependencies: LoginsDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Redirects the browser to the issuer, or shows a page on which the user chooses the issuer. Writes nothing to Redis.
   * A pushed authorization request (RFC 9126) is charged to the client's address. Returns `address-limited` when the
   * address limit is reached.
   *
   * @throws {GatewayFault} `issuer-unreachable`; `store-unavailable` when Redis cannot return the browser's session
   */
  async start(request: BrowserRequest): Promise<LoginReply | 'address-limited'> {
    const { publicUrl, issuers } = request
    const query = new URLSearchParams(request.query)
    const session = await this.#sessionOf(request)
    const wanted = soleParameter(query, 'return_to') ?? soleParameter(query, 'rd')
    const returnTo = returnPath(wanted, publicUrl)
    const stepUp = stepUpIn(query)
    const path = loginPathOf(request)
    const refused = soleParameter(query, 'refused')
    const prompt: 'login' | undefined = soleParameter(query, 'prompt') === 'login' ? 'login' : undefined
    const named = query.getAll('issuer')
    const wished = issuers.filter(({ name }) => named.includes(name))
    const choices = wished.length === 0 ? issuers : wished
    // Send this tab to its page: in another tab of the browser, a user has logged in since the route refused the
    // request of this tab. A second login would end the new session.
    if (session !== undefined && refused !== undefined && refused !== sessionTag(session.id) && prompt === undefined) {
      if (choices.some(({ issuer }) => issuer === session.issuer)) {
        return redirection('login-done-already', publicUrl + returnTo)
      }
    }
    const [rules, ...others] = choices
    if (rules === undefined || others.length > 0) {
      const wish = { returnTo, ...stepUp, prompt, path, ...(refused !== undefined && { refused }) }
      const href = (name: string) => loginUrl(publicUrl, { ...wish, issuers: [name] })
      return choicePage(choices.map(({ name }) => ({ href: href(name), text: name })))
    }

    const { consents, hosts } = this.#dependencies
    const present = session && issuers.find(({ issuer }) => issuer === session.issuer)
    // Ask the user first: a link on another site must not replace a session without the user's consent.
    if (session !== undefined && present !== undefined && present !== rules && !request.sameOrigin) {
      if (!consents.isOf(soleParameter(query, 'consent'), session, rules)) {
        const wish = { returnTo, issuers: [rules.name], ...stepUp, prompt, path, consent: consents.of(session, rules) }
        const next = { href: loginUrl(publicUrl, wish), text: rules.name }
        return confirmSwitchPage(present.name, next, `${publicUrl}/`)
      }
    }
    const place = hosts.placeOf(request, rules)
    if (place === 'refused') return failurePage('login-host-refused', `${publicUrl}/`)
    if (place === 'here') return this.#begin(request, rules, { returnTo, stepUp, prompt, path })
    return hosts.send(
      request,
      rules,
      place.origin,
      { returnTo, stepUp, prompt, oauth2: path === loginPaths[1] },
      session,
    )
  }

  /**
   * Handles the request with which another host sent the browser to `login.host`. Returns the browser with a code if it
   * is logged in here; otherwise redirects it to the issuer. Issuing a code is charged to the client's address, because
   * it writes to Redis.
   *
   * @throws {GatewayFault} `issuer-unreachable`, `refresh-unavailable`, `store-unavailable`
   */
  async arrive(request: BrowserRequest): Promise<LoginReply | 'address-limited'> {
    const { consents, hosts } = this.#dependencies
    const arrived = hosts.arrive(request)
    if ('reason' in arrived) return arrived
    const { rules, target } = arrived
    const { returnTo, stepUp, prompt, oauth2, origin } = arrived.request
    const session = await this.#sessionOf(request)
    if (session !== undefined && (await hosts.suffices(session, arrived))) {
      if (!request.chargeAddress()) return 'address-limited'
      return hosts.giveCode(session, rules, target, returnTo)
    }
    const present = session && request.issuers.find(({ issuer }) => issuer === session.issuer)
    const query = new URLSearchParams(request.query)
    if (session !== undefined && present !== undefined && present !== rules) {
      if (!consents.isOf(soleParameter(query, 'consent'), session, rules)) {
        query.set('consent', consents.of(session, rules))
        const next = { href: `${request.publicUrl}${request.path}?${query}`, text: rules.name }
        return confirmSwitchPage(present.name, next, `${origin}/`)
      }
    }
    const wish = { returnTo, stepUp, prompt, path: loginPaths[oauth2 ? 1 : 0], handOver: target }
    return this.#begin(request, rules, wish)
  }

  #begin(request: BrowserRequest, rules: IssuerRules, wish: BeginWish): Promise<LoginReply | 'address-limited'> {
    return this.#dependencies.counts.counted(rules.name, this.#redirect(request, rules, wish))
  }

  /** Starts a login: redirects the browser to the issuer. */
  async #redirect(
    request: BrowserRequest,
    rules: IssuerRules,
    { returnTo, stepUp, prompt, path, handOver }: BeginWish,
  ): Promise<LoginReply | 'address-limited'> {
    const { publicUrl } = request
    const { states, clients, sessions } = this.#dependencies
    const cookie = sessionCookieOf(publicUrl)
    const base = callbackPaths[path === loginPaths[1] ? 1 : 0]
    const redirectUri = publicUrl + callbackPath(base, rules.name, rules.login!.redirect)
    const secrets = newLoginSecrets()
    const { chosen, cookies } = chooseBrowserCookie(readBrowserCookies(request.cookies, cookie), cookie)
    const state = states.seal({
      issuerName: rules.name,
      issuer: attemptHash(rules.issuer),
      ...secrets,
      stepUp,
      returnTo,
      redirectUri: attemptHash(redirectUri),
      browser: browserOf(chosen),
      session: this.#sessionIdOf(request),
      begunAfterMs: sessions.lastEventMs,
      ...(handOver && { handOver }),
    })
    const caller = { address: request.subscriber, known: request.known, permit: request.chargeAddress }
    const begun = await clients.of(rules).begin(redirectUri, { ...secrets, state, stepUp, prompt }, caller)
    if (begun === undefined) return 'address-limited'
    return typeof begun === 'string' ? redirection('login-begun', begun, cookies) : this.#refused(request, rules, begun)
  }

  /**
   * Handles the authorization response, which the issuer sends by a redirect of the browser. A failed login creates no
   * session and ends no session. The code exchange is charged to the limit of the client's address. The charge is
   * refunded when the code proves a login. Returns `address-limited` when the address limit is reached.
   *
   * @throws {GatewayFault} `issuer-unreachable`, `store-unavailable`
   */
  async finish(request: BrowserRequest): Promise<LoginReply | 'address-limited'> {
    const { publicUrl, path } = request
    const state = soleParameter(new URLSearchParams(request.query), 'state')
    if (state === undefined) return failurePage('login-reply-malformed', this.againUrl(request))
    const { states, redemptions, hosts } = this.#dependencies
    const attempt = states.open(state)
    const redirectUri = publicUrl + path
    // Check the redirect URI, which depends on the issuer: a response at the callback path of another issuer does not
    // belong to this login attempt (RFC 9700 §4.4).
    if (attempt === undefined || attempt.redirectUri !== attemptHash(redirectUri)) {
      return failurePage('login-unknown', this.againUrl(request))
    }
    const rules = request.issuers.find(({ name }) => name === attempt.issuerName)
    if (rules === undefined || attempt.issuer !== attemptHash(rules.issuer))
      return failurePage('login-unknown', this.againUrl(request))
    // Check the owner of the callback path again: since the login began, the policy may have assigned this callback
    // path to a second issuer. The code may then be a code of the second issuer, and must not be sent to the first one.
    if (request.issuers.some((each) => each !== rules && isCallbackPathOf(path, each.name, each.login!.redirect))) {
      return failurePage('login-unknown', this.againUrl(request))
    }

    const { returnTo, handOver } = attempt
    // Check that the policy still has the host: it may have removed the host since the login began, and another party
    // may own the host's name now.
    if (handOver !== undefined && !isHostOf(request, rules, handOver.origin)) {
      return failurePage('login-host-refused', loginUrl(publicUrl))
    }
    const session = await this.#sessionOf(request)
    // Keep the session when another tab of the browser has logged in since this login began: a browser has one session,
    // so this tab goes to its page without a second login.
    if (session !== undefined && session.id !== attempt.session) {
      if (await redemptions.isRedeemed(state)) return failurePage('login-unknown', this.againUrl(request))
      if (handOver === undefined) return redirection('login-done-already', publicUrl + returnTo)
      if (session.issuer !== rules.issuer) return redirection('login-done-already', handOver.origin + returnTo)
      if (!request.chargeAddress()) return 'address-limited'
      return hosts.giveCode(session, rules, handOver, returnTo)
    }
    const browsers = readBrowserCookies(request.cookies, sessionCookieOf(publicUrl))
    if (!browsers.some((each) => browserOf(each) === attempt.browser))
      return failurePage('login-foreign', this.againUrl(request))
    const replaced = this.#sessionIdOf(request) ?? attempt.session
    const step = this.#enter(request, rules, { ...attempt, redirectUri, state, replaced })
    return this.#dependencies.counts.counted(rules.name, step)
  }

  /**
   * Returns the URL that starts a failed login again for the same page, even if the state has expired or the issuer's
   * response was invalid. A browser that has logged in meanwhile in another tab goes to the page without a login.
   */
  againUrl(request: BrowserRequest, prompt?: 'login'): string {
    const state = soleParameter(new URLSearchParams(request.query), 'state')
    const attempt = state === undefined ? undefined : this.#dependencies.states.openExpired(state)
    const path = loginPathOf(request)
    if (attempt === undefined) return loginUrl(request.publicUrl, { path, prompt })
    const { returnTo, issuerName, stepUp, session, handOver } = attempt
    if (handOver !== undefined) {
      const rules = request.issuers.find(({ name }) => name === issuerName)
      if (rules === undefined || !isHostOf(request, rules, handOver.origin))
        return loginUrl(request.publicUrl, { path })
      return loginUrl(handOver.origin, { returnTo, issuers: [issuerName], ...stepUp, prompt, path })
    }
    const wish = { returnTo, issuers: [issuerName], ...stepUp, prompt, refused: sessionTag(session), path }
    return loginUrl(request.publicUrl, wish)
  }

  async #enter(
    request: BrowserRequest,
    rules: IssuerRules,
    attempt: LoginAttempt & { state: string; replaced: string | undefined },
  ): Promise<LoginReply | 'address-limited'> {
    const { hosts, log } = this.#dependencies
    const { publicUrl } = request
    const granted = await this.#exchange(request, rules, attempt)
    if (granted === 'address-limited') return granted
    if (granted === 'redeemed-before') return failurePage('login-unknown', this.againUrl(request))
    if ('refused' in granted) return this.#refused(request, rules, granted)
    const { addressText, userAgent } = request
    const origin = rules.login!.host === undefined ? undefined : publicUrl
    const input = newSessionOf(rules, granted, { address: addressText, userAgent }, attempt.begunAfterMs, origin)
    if (isTooLarge(input)) {
      log('warn', 'login refused: the session is too large', { issuer: rules.name, reason: 'login-too-large' })
      return failurePage('login-too-large', this.againUrl(request))
    }
    const opened = await this.#open(input, attempt.replaced)
    if (opened === 'logged-out') {
      log('warn', 'login refused: the issuer has logged out this user or session', {
        issuer: rules.name,
        reason: 'login-logged-out',
      })
      return failurePage('login-logged-out', this.againUrl(request, 'login'))
    }
    const { cookie, session } = opened
    log('info', 'user logged in', { issuer: rules.name, subject: session.subject, session: session.id })
    const kind = sessionCookieOf(publicUrl)
    const forgotten = forgetBrowserCookies(readBrowserCookies(request.cookies, kind), kind)
    const cookies = [kind.set(cookie), ...forgotten]
    const { handOver, returnTo } = attempt
    if (handOver === undefined) return { ...redirection('logged-in', publicUrl + returnTo, cookies), session }
    return { ...(await hosts.giveCode(session, rules, handOver, returnTo, cookies)), session }
  }

  #refused(
    request: BrowserRequest,
    { name }: IssuerRules,
    { refused, error, description, why }: LoginRefusal,
  ): LoginReply {
    this.#dependencies.log('warn', 'login refused', { issuer: name, reason: refused, problem: why })
    const quoted = [error, description].filter((text) => text !== undefined)
    return failurePage(refused, this.againUrl(request), quoted)
  }

  /**
   * Exchanges the code for tokens. The address is charged and `state` is redeemed only when the call leaves the queue,
   * so that a waiting callback uses up neither the limit of its address nor its login attempt. A response without a
   * code redeems nothing, so that unauthenticated clients cannot write an unlimited number of markers to Redis.
   */
  async #exchange(
    request: BrowserRequest,
    rules: IssuerRules,
    attempt: LoginAttempt & { state: string },
  ): Promise<LoginGrant | LoginRefusal | 'address-limited' | 'redeemed-before'> {
    const { clients, redemptions } = this.#dependencies
    const { state, redirectUri, begunAtMs } = attempt
    const withCode = bringsCode(new URLSearchParams(request.query), rules.issuer)
    let stopped: 'address-limited' | 'redeemed-before' | undefined
    const permit = async (): Promise<boolean> => {
      if (!request.chargeAddress()) {
        stopped = 'address-limited'
        return false
      }
      let redeemed = false
      try {
        redeemed = !withCode || (await redemptions.redeem(state, begunAtMs + ATTEMPT_MS - Date.now()))
      } finally {
        if (!redeemed) request.refundAddress()
      }
      if (!redeemed) stopped = 'redeemed-before'
      return redeemed
    }
    const caller = { address: request.subscriber, known: request.known, permit }
    const granted = await clients.of(rules).finish(new URL(`${redirectUri}?${request.query}`), attempt, caller)
    if (granted === undefined) return stopped!
    // Do not refund the charge to the limit of the client's address for an error response, because the gate logs the
    // response and any client can forge one. The charge is not refunded either for a code that proves no login
    // (`login-unproven`), for example because the issuer rejects the code, or for which the issuer rejects the gate
    // (`login-misconfigured`).
    const isCodeGood = !('refused' in granted) || (withCode && !unproven.has(granted.refused))
    if (isCodeGood) request.refundAddress()
    return granted
  }

  /**
   * Creates the session of a completed login under a new id.
   *
   * @param replaced  id of the session that the browser has, or had when the login began. This session is ended, also
   *   when Redis has no record of it
   */
  async #open(input: NewSession, replaced: string | undefined): Promise<OpenedSession | 'logged-out'> {
    const { sessions } = this.#dependencies
    const isOver = replaced === undefined || sessions.revoked(replaced)
    let opened = await (isOver ? sessions.create(input) : sessions.replace(replaced, input))
    // Create the session again after a recent order: an order to end the sessions of a subject compares whole seconds,
    // by the clock of the node that accepted the order. A very recent order therefore matches the new session too.
    for (let left = SETTLE_TRIES; left > 0 && opened !== 'logged-out' && sessions.ended(opened.session); left--) {
      await setTimeout(SETTLE_MS)
      opened = await sessions.create(input)
    }
    return opened
  }

  /** Returns the id of the session in the browser's cookie, whether or not the session still exists. */
  #sessionIdOf({ cookies, publicUrl }: BrowserRequest): string | undefined {
    const value = readCookie(cookies, sessionCookieOf(publicUrl))
    return value === undefined ? undefined : this.#dependencies.sessions.idOf(value, publicUrl)
  }

  async #sessionOf({ cookies, publicUrl }: BrowserRequest): Promise<Session | undefined> {
    const value = readCookie(cookies, sessionCookieOf(publicUrl))
    return value === undefined ? undefined : this.#dependencies.sessions.find(value, publicUrl)
  }
}

/**
 * Returns the login path with the prefix of the request, `/.gatehouse` or `/oauth2`, because an issuer may accept only
 * redirect URIs with one of the prefixes.
 */
function loginPathOf({ path }: BrowserRequest): (typeof loginPaths)[number] {
  return path === loginPaths[1] || path.startsWith(callbackPaths[1]) ? loginPaths[1] : loginPaths[0]
}

/**
 * Maximum length of `acr_values`, in characters. A state has room for this length beside the longest names of a key and
 * an issuer. A long return path is dropped before an `acr` value, because the issuer may grant any of the values.
 */
const ACR_VALUES_MAX = 448

/**
 * Reads the requested step-up, `acr_values` and `max_age`, from the query. A client may request more than the route
 * requires. Only the first `acr_values` that fit are used, because the preferred value comes first.
 */
function stepUpIn(query: URLSearchParams): StepUp {
  const values = (soleParameter(query, 'acr_values') ?? '').split(' ')
  const wellFormed = values.filter((value) => /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(value))
  let left = ACR_VALUES_MAX + 1
  const acrValues = wellFormed.filter((value) => {
    left -= value.length + 1
    return left >= 0
  })
  const maxAge = soleParameter(query, 'max_age') ?? ''
  return {
    acrValues: acrValues.length === 0 ? undefined : acrValues,
    maxAgeS: /^\d{1,9}$/.test(maxAge) ? Number(maxAge) : undefined,
  }
}

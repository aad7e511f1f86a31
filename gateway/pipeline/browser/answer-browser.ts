import { addressKey } from '../../base/address-key.ts'
import { denial } from '../../base/denial.ts'
import { type FaultReason, GatewayFault } from '../../base/fault.ts'
import { priorityIndex } from '../../base/priority.ts'
import type { Reason } from '../../base/reasons.ts'
import { type BrowserRequest, sessionCookieOf } from '../../login/browser-request.ts'
import { troublePage } from '../../login/login-pages.ts'
import {
  backchannelLogoutPath,
  enterPath,
  handOverPath,
  loginPaths,
  logoutPaths,
  sessionPath,
  userinfoPath,
} from '../../login/login-paths.ts'
import {
  type LoginFaultReason,
  type LoginReply,
  type LoginReplyReason,
  loginFaultReasons,
} from '../../login/login-reply.ts'
import type { LoginService } from '../../login/login-service.ts'
import { loggedOutView, sessionView, userinfoClaims, userinfoView } from '../../login/session-view.ts'
import { bearerChallenge } from '../../oauth/challenge.ts'
import { KNOWN_ADDRESS, STRANGER } from '../../overload/caller-class.ts'
import { isCallbackPath } from '../../policy/issuers/callback-paths.ts'
import { hasHost } from '../../policy/issuers/login-hosts.ts'
import type { Session } from '../../sessions/session.ts'
import { addressText } from '../client-address/address-text.ts'
import { ownAnswer } from '../exchange/answer.ts'
import type { Resolved } from '../exchange/exchange.ts'
import { readSmallBody } from '../exchange/small-body.ts'
import type { Verdict } from '../exchange/steps.ts'
import { cookieField } from '../identity/cookie-field.ts'
import { ownClaims } from '../identity/own-claims.ts'
import { presentedOrigin, sessionCookieValue } from '../identity/session-cookie-value.ts'
import { isAcceptedSession } from '../identity/session-credential.ts'
import { loginQuery } from './login-query.ts'
import { isSameOrigin } from './same-origin.ts'

/**
 * Reasons of the denials that `answerBrowser` returns. All other refusals on the login and logout paths are pages or
 * JSON documents.
 */
export const browserReasons = [
  'method-not-mapped',
  'address-limited',
  'overloaded',
  'cross-site',
  'session-missing',
  'logout-token',
  'body-too-large',
] as const satisfies readonly Reason[]

type BrowserVerdict = Verdict<(typeof browserReasons)[number], LoginReplyReason>
type Handler = (x: Resolved, service: LoginService) => Promise<BrowserVerdict>

interface OwnPath {
  readonly methods: readonly string[]
  readonly handle: Handler
}

/** Maximum size of a form body that the gate reads, bytes. The form contains a logout token. */
const FORM_MAX = 32 * 1024
const USER_AGENT_MAX = 256
/** Priority of new logins for an overloaded node. */
const LOGIN_PRIORITY = priorityIndex('default')
const noSession = denial('session-missing', { challenge: bearerChallenge() })
const notAForm = denial('logout-token')

const crossSite = denial('cross-site')
/** Values of `Sec-Fetch-Site` in requests that a page of another host made. */
const foreignSites: ReadonlySet<string> = new Set(['cross-site', 'same-site'])

const begin = withErrorPage((service, request) => service.logins.start(request))
const finish = withErrorPage((service, request) => service.logins.finish(request))
const arrive = withErrorPage((service, request) => service.logins.arrive(request))
const redeem = withErrorPage((service, request) => service.hosts.enter(request))
const login: OwnPath = {
  methods: ['GET'],
  handle: async (x, service) => (isHiddenRequest(x) ? crossSite : begin(x, service)),
}
const callback: OwnPath = {
  methods: ['GET'],
  handle: async (x, service) => (isHiddenRequest(x) ? crossSite : finish(x, service)),
}
const handOver: OwnPath = {
  methods: ['GET'],
  handle: async (x, service) => (isHiddenRequest(x) ? crossSite : withoutReferrer(await arrive(x, service))),
}
const enter: OwnPath = {
  methods: ['GET'],
  handle: async (x, service) => (isHiddenRequest(x) ? crossSite : withoutReferrer(await redeem(x, service))),
}
const logout: OwnPath = {
  methods: ['GET', 'POST'],
  handle: withErrorPage((service, request) => service.logouts.logout(request)),
}

const ownPaths = new Map<string, OwnPath>([
  ...loginPaths.map((path) => [path, login] as const),
  ...logoutPaths.map((path) => [path, logout] as const),
  [handOverPath, handOver],
  [enterPath, enter],
  [backchannelLogoutPath, { methods: ['POST'], handle: receiveLogout }],
  [sessionPath, { methods: ['GET', 'HEAD'], handle: showSession }],
  [userinfoPath, { methods: ['GET', 'HEAD'], handle: showUser }],
])

function ownPathOf(path: string): OwnPath | undefined {
  return ownPaths.get(path) ?? (isCallbackPath(path) ? callback : undefined)
}

/**
 * Answers requests for the login and logout paths. Returns `undefined` for any other path, when no issuer allows
 * logins, and for the paths of a shared login when no issuer has `login.host`.
 */
export function answerBrowser(x: Resolved): BrowserVerdict | Promise<BrowserVerdict> {
  const own = ownPathOf(x.path)
  if ((own === handOver || own === enter) && x.gate.runtime.snapshot.loginHosts.size === 0) return undefined
  const { loginService, addressLimit, addressLimited, overload } = x.gate
  if (own === undefined || loginService === undefined || loginIssuers(x).length === 0) return undefined
  if (!own.methods.includes(x.method)) {
    return denial('method-not-mapped', { fields: [['allow', own.methods.join(', ')]] })
  }
  if (addressLimit.exhausted(x.address)) return addressLimited
  // Let a login that has begun complete on an overloaded node: only new logins are shed.
  if (own === login && overload.isWary) {
    const isKnown = x.gate.knownAddresses.has(x.address, x.nowMs)
    const refused = overload.refuse(isKnown ? KNOWN_ADDRESS : STRANGER, LOGIN_PRIORITY, x.address)
    if (refused !== undefined) return refused
  }
  return own.handle(x, loginService)
}

const frames: ReadonlySet<string> = new Set(['iframe', 'frame'])

/**
 * Whether a page of another host made the browser send this request out of the user's sight, for example as an image or
 * by a script. Such requests could use up the limit of the client's address, which other users may share
 * (`limits.address`).
 *
 * A page may show a host of the same site in a frame, and the host may begin a login there. A frame of another site
 * cannot complete a login, because the browser withholds its cookies.
 */
function isHiddenRequest(x: Resolved): boolean {
  const site = x.head.joined('sec-fetch-site') ?? ''
  const shownAs = x.head.joined('sec-fetch-dest') ?? 'document'
  if (!foreignSites.has(site) || shownAs === 'document') return false
  // Look for a cookie: behind a redirect of the issuer, a frame of the same site counts as cross-site too, but has the
  // cookies.
  return !frames.has(shownAs) || (site === 'cross-site' && !hasOwnCookie(x))
}

/** Whether the request has a session cookie or a login cookie. */
function hasOwnCookie({ head, gate, authority }: Resolved): boolean {
  return cookieField(head).includes(sessionCookieOf(gate.publicUrls.forHost(authority)).name)
}

/** Runs a login or logout step. Replies to a fault with an HTML error page, because a person reads the reply. */
function withErrorPage(
  work: (service: LoginService, request: BrowserRequest) => Promise<LoginReply | 'address-limited'>,
): Handler {
  return async (x, service) => {
    const request = browserRequest(x)
    try {
      const reply = await work(service, request)
      return reply === 'address-limited' ? x.gate.addressLimited : charged(x, reply)
    } catch (error) {
      if (!(error instanceof GatewayFault)) throw error
      const { reason, message } = error
      if (!isLoginFault(reason)) throw error
      x.faultMessage = message
      return shown(x, troublePage(reason, againUrl(service, request, reason)))
    }
  }
}

/**
 * Makes the browser send no `Referer` from the page of this reply: the query of the page's URL contains a login request
 * of another host, or a hand-over code.
 */
function withoutReferrer(verdict: BrowserVerdict): BrowserVerdict {
  if (verdict === undefined || !('answer' in verdict)) return verdict
  const fields = verdict.fields.filter(([name]) => name !== 'referrer-policy')
  return { ...verdict, fields: [...fields, ['referrer-policy', 'no-referrer']] }
}

function isLoginFault(reason: FaultReason): reason is LoginFaultReason {
  return (loginFaultReasons as readonly FaultReason[]).includes(reason)
}

/**
 * Returns the URL of the "try again" link on an error page. Usually this is the requested URL. On a callback path the
 * link starts a new login instead, because an authorization response can be redeemed only once. When Redis is
 * unavailable the response has not been redeemed, so the link repeats the callback.
 */
function againUrl({ logins }: LoginService, request: BrowserRequest, reason: LoginFaultReason): string {
  const { publicUrl, path, query } = request
  if (isCallbackPath(path) && reason !== 'store-unavailable') return logins.againUrl(request)
  return `${publicUrl}${path}${query === '' ? '' : `?${query}`}`
}

async function receiveLogout(x: Resolved, service: LoginService): Promise<BrowserVerdict> {
  // Refuse a logout token with `Sec-Fetch-Site`, which issuers do not send: a page could send invalid logout tokens at
  // the cost of its visitors' addresses.
  if (foreignSites.has(x.head.joined('sec-fetch-site') ?? '')) return crossSite
  const type = x.head.field('content-type') ?? ''
  if (!/^application\/x-www-form-urlencoded[\t ]*(?:;|$)/i.test(type)) return notAForm
  const body = await readSmallBody(x, FORM_MAX)
  if ('reason' in body) return body
  return charged(x, await service.backchannel.receive(new URLSearchParams(body.toString()), loginIssuers(x)))
}

/**
 * Reasons of invalid login and logout requests that are charged to the client address after the refusal. A code
 * exchange is not listed: the address is charged before the exchange begins.
 */
const chargedReasons: ReadonlySet<Reason> = new Set<Reason>(['login-unknown', 'logout-token'])

/**
 * Charges the client address for an invalid login or logout request, like a failed token verification. Also sets the
 * session that the audit record names.
 */
function charged(x: Resolved, reply: LoginReply): BrowserVerdict {
  x.namedSession = reply.session
  if (chargedReasons.has(reply.reason)) x.gate.addressLimit.charge(x.address)
  return shown(x, reply)
}

function shown(x: Resolved, reply: LoginReply): BrowserVerdict {
  return ownAnswer(reply, reply.page && x.gate.pages?.render(reply.page, x.id))
}

async function showSession(x: Resolved): Promise<BrowserVerdict> {
  const session = await ownSession(x)
  const rules = session && x.gate.runtime.snapshot.issuers.get(session.issuer)
  const publicUrl = x.gate.publicUrls.forHost(x.authority)
  if (session === undefined || rules?.login === undefined) return ownAnswer(loggedOutView(publicUrl))
  const claims = await ownClaims(x, session, rules, rules.login.sessionClaims)
  return ownAnswer(
    claims === undefined ? loggedOutView(publicUrl) : sessionView(session, rules.login, claims, publicUrl),
  )
}

async function showUser(x: Resolved): Promise<BrowserVerdict> {
  const session = await ownSession(x)
  const rules = session && x.gate.runtime.snapshot.issuers.get(session.issuer)
  if (session === undefined || rules?.login === undefined) return noSession
  const claims = await ownClaims(x, session, rules, userinfoClaims)
  return claims === undefined ? noSession : ownAnswer(userinfoView(session, claims))
}

/**
 * Returns the session of the request's cookie, with a valid access token. The access token is refreshed first when
 * needed. Returns `undefined` for a session that no route accepts: its issuer has no `login` in the policy, or its
 * lifetime has ended.
 */
async function ownSession(x: Resolved): Promise<Session | undefined> {
  const { sessions } = x.gate
  const value = sessionCookieValue(x)
  const session = value === undefined ? undefined : await sessions?.find(value, presentedOrigin(x))
  x.readClock()
  if (session === undefined || !isAcceptedSession(x.gate.runtime.snapshot, session, x.nowMs)) return undefined
  const fresh = await sessions?.fresh(session)
  return fresh === undefined || sessions?.ended(fresh) === true ? undefined : fresh
}

function loginIssuers({ gate }: Resolved): BrowserRequest['issuers'] {
  return gate.runtime.snapshot.loginIssuers
}

function browserRequest(x: Resolved): BrowserRequest {
  const { head, path, address, gate } = x
  const publicUrl = gate.publicUrls.forHost(head.host)
  return {
    path,
    query: loginQuery(x),
    cookies: cookieField(head),
    addressText: addressText(address),
    subscriber: addressKey(address),
    known: gate.knownAddresses.has(address, Date.now()),
    chargeAddress: () => {
      if (gate.addressLimit.exhausted(address)) return false
      gate.addressLimit.charge(address)
      return true
    },
    refundAddress: () => gate.addressLimit.refund(address),
    userAgent: (head.field('user-agent') ?? '').slice(0, USER_AGENT_MAX),
    publicUrl,
    sameOrigin: isSameOrigin(x),
    issuers: loginIssuers(x),
    urlOf: (name) => gate.publicUrls.forName(name),
    isListed: (origin) => gate.publicUrls.find(new URL(origin).host) === origin,
    sharesLogin: ({ issuer }, name) => hasHost(gate.runtime.snapshot.loginHosts.get(issuer), name),
    hasStartPage: () => !('reason' in gate.runtime.snapshot.match(new URL(publicUrl).hostname, '/', 'GET')),
  }
}

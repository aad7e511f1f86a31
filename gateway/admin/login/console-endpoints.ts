import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { z } from 'zod'
import { ignoreOutage } from '../../base/fault.ts'
import { readAuthorization } from '../../oauth/bearer.ts'
import type { PlainReply } from '../../probes/plain-server.ts'
import { pathOf } from '../api-path.ts'
import { ApiProblem } from '../api-problem.ts'
import type { CallAccounts } from '../call-accounts.ts'
import type { AdminLog } from '../call-log.ts'
import type { CallerAuthenticator, TokenCaller } from '../caller-authenticator.ts'
import type { NodeView } from '../dependencies.ts'
import { presentedAtLogIn } from '../failed-calls.ts'
import { readJsonBody, requireJson } from '../json-body.ts'
import { isOfOtherOrigin } from '../own-host.ts'
import { problemOf } from '../problem-of.ts'
import { type ConsoleCall, consoleCallOf, consoleReply, cookieReply, jsonReply, redirectReply } from './console-call.ts'
import type { ConsoleCallers } from './console-callers.ts'
import {
  claimedConsoleSession,
  clearConsoleCookie,
  readConsoleCookie,
  setConsoleCookie,
  siteOf,
} from './console-cookie.ts'
import { requireConsolePage } from './console-page.ts'
import { consolePath, continuePage, withLogInError } from './console-path.ts'
import { CONSOLE_ABSOLUTE_MS, type OperatorSession } from './console-session.ts'
import type { ConsoleSessions } from './console-sessions.ts'
import { isLocalRequest } from './local-request.ts'
import { LOG_IN_MS } from './log-in-attempts.ts'
import type { LogInFailure, OidcLogin } from './oidc-login.ts'
import type { OneTimeLinks } from './one-time-links.ts'

export interface ConsoleEndpointsDependencies {
  readonly bearers: Pick<CallerAuthenticator, 'identify' | 'identifyToken'>
  readonly callers: Pick<ConsoleCallers, 'identifySession' | 'find'>
  readonly sessions: Pick<ConsoleSessions, 'open' | 'end'>
  readonly accounts: CallAccounts
  readonly node: Pick<NodeView, 'id' | 'version'>
  /** Log-in at the issuer; `undefined` without the setting `admin.login`. */
  readonly oidc: OidcLogin | undefined
  /** One-time links; `undefined` without the setting `admin.one_time_links`. */
  readonly links: OneTimeLinks | undefined
  readonly log: AdminLog
  /** Clock, ms since the epoch. */
  readonly nowMs: () => number
}

type Endpoint = Readonly<Record<string, (call: ConsoleCall) => Promise<PlainReply>>>

const logInBody = z.union([z.strictObject({ token: z.string().min(1) }), z.strictObject({ link: z.string().min(1) })])

/**
 * Endpoints of the console's log-in, which are no operations of the admin API: they set cookies. A log-in and a log-out
 * have a log line and an audit record, as a call of the admin API has.
 */
export class ConsoleEndpoints {
  readonly #dependencies: ConsoleEndpointsDependencies
  readonly #endpoints: ReadonlyMap<string, Endpoint>

  constructor(dependencies: ConsoleEndpointsDependencies) {
    this.#dependencies = dependencies
    this.#endpoints = new Map<string, Endpoint>([
      ['/console/session', { GET: (call) => this.#showSession(call), POST: (call) => this.#logIn(call) }],
      ['/console/links', { POST: (call) => this.#makeLink(call) }],
      ['/console/logout', { POST: (call) => this.#logOut(call) }],
      ['/console/login', { GET: (call) => this.#beginLogIn(call) }],
      ['/callback', { GET: (call) => this.#finishLogIn(call) }],
    ])
  }

  /** Answers a request to an endpoint of the console; `undefined` for other paths. */
  answer(request: IncomingMessage): Promise<PlainReply> | undefined {
    const endpoint = this.#endpoints.get(pathOf(request.url ?? ''))
    return endpoint && this.#run(endpoint, consoleCallOf(request))
  }

  async #run(endpoint: Endpoint, call: ConsoleCall): Promise<PlainReply> {
    try {
      const method = call.method === 'HEAD' ? 'GET' : call.method
      const run = Object.hasOwn(endpoint, method) ? endpoint[method] : undefined
      if (run === undefined) {
        const allow = Object.keys(endpoint).join(', ')
        throw new ApiProblem('method_not_allowed', `this path accepts only ${allow}`, { fields: { allow } })
      }
      return consoleReply(call, await run(call))
    } catch (error) {
      return consoleReply(call, await this.#reject(call, error))
    }
  }

  async #reject(call: ConsoleCall, error: unknown): Promise<PlainReply> {
    const { accounts, log } = this.#dependencies
    const { problem, fault, bug } = problemOf(error)
    if (bug !== undefined)
      log('error', 'call of the console failed because of a bug in Gatehouse', { id: call.id, fault: bug })
    call.call.problem = problem.code
    if (fault !== undefined) call.call.note = { fault }
    if (call.isCharged) await accounts.settle(call, call.presented, problem.status)
    const { fields = {}, close = false } = problem.options
    const document = { ...problem.document(call.id), ...(problem.status === 401 && { login: this.#offers }) }
    return {
      ...jsonReply(problem.status, document),
      type: 'application/problem+json',
      fields: { ...fields, ...(close && { connection: 'close' }) },
    }
  }

  /** Ways to log in that the console offers. */
  get #offers(): object {
    return { oidc: this.#dependencies.oidc !== undefined, token: true }
  }

  async #showSession(call: ConsoleCall): Promise<PlainReply> {
    const { accounts, callers, node } = this.#dependencies
    call.isCharged = claimedConsoleSession(call.headers) !== undefined
    if (call.isCharged) accounts.requireBudget(call, call.presented)
    const { caller, found } = await callers.identifySession(call.raw)
    return jsonReply(200, {
      who: caller.who,
      client: caller.client ?? null,
      credential: found.session.credential,
      scopes: [...caller.scopes],
      expires_at: new Date(found.session.endsAtMs).toISOString(),
      node: node.id,
      version: node.version,
      login: this.#offers,
    })
  }

  async #logIn(call: ConsoleCall): Promise<PlainReply> {
    const { accounts, bearers } = this.#dependencies
    const { raw } = call
    call.call.operation = 'log_in_to_console'
    requireConsolePage(raw)
    requireJson(raw.headers)
    const { data } = logInBody.safeParse(await readJsonBody(raw))
    if (data === undefined)
      throw new ApiProblem('invalid_request', 'the body must be {"token": "TOKEN"} or {"link": "SECRET"}')
    call.presented = presentedAtLogIn(raw, 'token' in data ? data.token : data.link)
    accounts.requireBudget(call, call.presented)
    const token = 'token' in data ? data.token : this.#useLink(raw, data.link)
    const caller = await bearers.identifyToken(token)
    const cookie = await this.#open(call, caller, { token, refreshToken: undefined })
    await accounts.settle(call, call.presented, 204)
    return cookieReply([cookie])
  }

  /**
   * Makes a one-time link to the console for the token of the caller.
   *
   * @throws {ApiProblem} 403 unless the caller is on the machine of the node
   */
  async #makeLink(call: ConsoleCall): Promise<PlainReply> {
    const { accounts, bearers, links } = this.#dependencies
    call.call.operation = 'make_console_link'
    accounts.requireBudget(call, call.presented)
    if (isOfOtherOrigin(call.headers)) throw new ApiProblem('forbidden', 'a web page must not make a one-time link')
    call.call.caller = await bearers.identify(call.raw)
    const made = requireLinks(links, call.raw).make(bearerOf(call.headers))
    await accounts.settle(call, call.presented, 200)
    return jsonReply(200, { link: made.secret, expires_at: new Date(made.endsAtMs).toISOString() })
  }

  #useLink(raw: IncomingMessage, link: string): string {
    const token = requireLinks(this.#dependencies.links, raw).use(link)
    if (token === undefined)
      throw new ApiProblem('invalid_token', 'the link is unknown, used or expired; make a new one')
    return token
  }

  /**
   * Opens a session for a verified token under a new id, and ends the session that the browser had.
   *
   * @returns `Set-Cookie` value of the session
   */
  async #open(
    call: ConsoleCall,
    caller: TokenCaller,
    { token, refreshToken }: Pick<OperatorSession, 'token' | 'refreshToken'>,
  ): Promise<string> {
    const { callers, sessions, oidc, nowMs } = this.#dependencies
    const { who, client, credential, tokenEndsAtMs } = caller
    const lastMs = nowMs() + CONSOLE_ABSOLUTE_MS
    const endsAtMs = refreshToken === undefined ? Math.min(lastMs, tokenEndsAtMs ?? lastMs) : lastMs
    const before = await callers.find(call.raw)
    const value = await sessions.open({ token, credential, who, client, refreshToken, tokenEndsAtMs, endsAtMs })
    if (before !== undefined) await ignoreOutage(sessions.end(before))
    call.call.caller = caller
    return setConsoleCookie('session', siteOf(call.headers, oidc?.origin), value)
  }

  async #logOut(call: ConsoleCall): Promise<PlainReply> {
    const { accounts, callers, sessions, oidc } = this.#dependencies
    call.call.operation = 'log_out_of_console'
    requireConsolePage(call.raw)
    const found = await callers.find(call.raw)
    if (found !== undefined) {
      const { who, client, credential } = found.session
      call.call.caller = { who, client, credential: `console session (${credential})`, scopes: new Set() }
      await sessions.end(found)
      oidc?.forget(found.session)
      await accounts.settle(call, call.presented, 204)
    }
    return cookieReply(clearConsoleCookie('session', siteOf(call.headers, oidc?.origin)))
  }

  /** Redirects the browser to the issuer. A page of another site cannot begin a log-in. */
  async #beginLogIn(call: ConsoleCall): Promise<PlainReply> {
    call.isCharged = false
    const oidc = this.#requireOidc()
    const site = call.headers['sec-fetch-site']
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      throw new ApiProblem('forbidden', 'a page of another site must not begin a log-in; open the console first')
    }
    const to = consolePath(queryOf(call).get('to'))
    const { origin } = oidc
    // The issuer returns the browser to `origin`, so the cookie of the attempt must belong to the host of `origin`.
    if (new URL(origin).host !== call.headers.host?.toLowerCase()) return redirectReply(origin + to)
    const begun = await oidc.begin(call.raw, to)
    if (typeof begun === 'string') return redirectReply(withLogInError(to, begun))
    const cookie = setConsoleCookie('login', siteOf(call.headers, origin), begun.sealed, LOG_IN_MS / 1000)
    return redirectReply(begun.url, [cookie])
  }

  /** Handles the response of the issuer, which is a redirect of the browser. */
  async #finishLogIn(call: ConsoleCall): Promise<PlainReply> {
    const { accounts } = this.#dependencies
    call.call.operation = 'log_in_to_console'
    const oidc = this.#requireOidc()
    const site = siteOf(call.headers, oidc.origin)
    const query = queryOf(call)
    const sealed = readConsoleCookie('login', call.headers, site)
    const attempt = oidc.attemptOf(query, sealed)
    if (attempt === undefined) return this.#failLogIn(call, 'expired', '/', [])
    call.presented = presentedAtLogIn(call.raw, sealed!)
    accounts.requireBudget(call, call.presented)
    const cleared = clearConsoleCookie('login', site)
    const granted = await oidc.finish(call.raw, query, attempt)
    if (typeof granted === 'string') return this.#failLogIn(call, granted, attempt.to, cleared)
    const caller = await this.#callerOf(granted.accessToken)
    if (caller === undefined) return this.#failLogIn(call, 'refused', attempt.to, cleared)
    const { accessToken: token, refreshToken } = granted
    const cookie = await this.#open(call, caller, { token, refreshToken })
    await accounts.settle(call, call.presented, 200)
    const type = 'text/html; charset=utf-8'
    // Go to the page from a page of the console: a browser sends no `SameSite=Strict` cookie after a redirect that began
    // at the issuer.
    return { status: 200, type, body: continuePage(attempt.to), fields: { 'set-cookie': [cookie, ...cleared] } }
  }

  async #failLogIn(
    call: ConsoleCall,
    failure: LogInFailure | 'refused',
    to: string,
    cookies: readonly string[],
  ): Promise<PlainReply> {
    call.call.problem = 'log_in_failed'
    call.call.note = { failure }
    await this.#dependencies.accounts.settle(call, call.presented, 401)
    return redirectReply(withLogInError(to, failure), cookies)
  }

  /** Verifies the access token of a log-in. @returns `undefined` when the admin API does not accept it */
  async #callerOf(accessToken: string): Promise<TokenCaller | undefined> {
    const { bearers, log } = this.#dependencies
    try {
      return await bearers.identifyToken(accessToken)
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      log('warn', 'log-in to the console refused: the admin API does not accept the access token of the issuer', {
        reason: error.options.cause,
        hint: 'compare audience and profile of admin.issuer, and scopes and resource of admin.login, with the token',
      })
      return undefined
    }
  }

  #requireOidc(): OidcLogin {
    const { oidc } = this.#dependencies
    if (oidc !== undefined) return oidc
    throw new ApiProblem('not_found', 'the console has no log-in at an issuer; set admin.login, or log in with a token')
  }
}

/** @throws {ApiProblem} 403 for a request of another machine; 404 when the node makes no links */
function requireLinks(links: OneTimeLinks | undefined, request: IncomingMessage): OneTimeLinks {
  if (links === undefined) throw new ApiProblem('not_found', 'the node makes no one-time links (admin.one_time_links)')
  if (isLocalRequest(request)) return links
  throw new ApiProblem('forbidden', 'one-time links are for browsers on the machine of the node, without a proxy')
}

function bearerOf({ authorization = '' }: IncomingHttpHeaders): string {
  const read = readAuthorization(authorization)
  if (typeof read === 'string') throw new ApiProblem('credential_required', 'a bearer token is required')
  return read.token
}

function queryOf({ originalUrl }: ConsoleCall): URLSearchParams {
  return new URLSearchParams(originalUrl.split('?').slice(1).join('?'))
}

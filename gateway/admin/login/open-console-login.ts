import type { AdminLoginSettings } from '../../config/admin-login-settings.ts'
import type { KeyedIssuerEntry } from '../../config/keyed-issuer-entry.ts'
import type { Secrets } from '../../config/secrets.ts'
import { IssuerClient } from '../../issuers/issuer-client.ts'
import type { KeySource } from '../../issuers/key-source.ts'
import { LoginClient } from '../../issuers/login-client.ts'
import type { IssuerRules, LoginRules } from '../../oauth/token-facts.ts'
import { issuerRules } from '../../policy/issuers/compile-issuers.ts'
import type { AdminLog } from '../call-log.ts'
import type { CallerAuthenticator } from '../caller-authenticator.ts'
import { ConsoleCallers } from './console-callers.ts'
import { CONSOLE_ABSOLUTE_MS, CONSOLE_IDLE_MS } from './console-session.ts'
import type { ConsoleSessions } from './console-sessions.ts'
import { OidcLogin } from './oidc-login.ts'
import { TokenRefresher } from './token-refresher.ts'

/**
 * Name of the admin issuer in logs. Issuer names in a policy have no parentheses, so no issuer of the policy can have
 * the same name.
 */
const ISSUER_NAME = '(admin)'
/** Maximum wait for one response of the issuer during a log-in to the console, ms. */
const TIMEOUT_MS = 10_000

/** Rules by which tokens for the admin API are validated, and operators log in to the console. */
export function adminIssuerRules(issuer: KeyedIssuerEntry, login: AdminLoginSettings | undefined): IssuerRules {
  return issuerRules(ISSUER_NAME, issuer, undefined, login && loginRules(login))
}

function loginRules({ clientId, clientSecret: secret, scopes, resource }: AdminLoginSettings): LoginRules {
  return {
    clientId,
    redirect: 'plain',
    host: undefined,
    returnTo: [],
    auth: secret === undefined ? { method: 'none' } : { method: 'client_secret_basic', secret },
    scopes,
    resource,
    prompt: undefined,
    parameters: {},
    sessionClaims: [],
    subjectClaim: undefined,
    claimsMaxAgeMs: 0,
    lifetime: { idleMs: CONSOLE_IDLE_MS, absoluteMs: CONSOLE_ABSOLUTE_MS },
    timeoutMs: TIMEOUT_MS,
  }
}

export interface ConsoleLoginDependencies {
  readonly bearers: CallerAuthenticator
  /** Rules of the admin issuer; `undefined`: the admin API accepts no access tokens. */
  readonly rules: IssuerRules | undefined
  /** Setting `admin.login.origin`; `undefined` without the setting `admin.login`. */
  readonly origin: string | undefined
  readonly keys: KeySource
  readonly sessions: ConsoleSessions
  readonly secrets: Secrets
  readonly log: AdminLog
}

/** The parts of the console's log-in. */
export interface ConsoleLogin {
  readonly callers: ConsoleCallers
  readonly sessions: ConsoleSessions
  /** Log-in at the issuer; `undefined` without the setting `admin.login`. */
  readonly oidc: OidcLogin | undefined
}

/** @throws {ConfigError} when the client secret of `admin.login` cannot be read */
export function openConsoleLogin(dependencies: ConsoleLoginDependencies): ConsoleLogin {
  const { bearers, sessions } = dependencies
  const oidc = openOidcLogin(dependencies)
  const refresher = oidc && new TokenRefresher(oidc, sessions, Date.now)
  return { callers: new ConsoleCallers({ bearers, sessions, refresher, origin: oidc?.origin }), sessions, oidc }
}

function openOidcLogin({
  rules,
  origin,
  keys,
  sessions,
  secrets,
  log,
}: ConsoleLoginDependencies): OidcLogin | undefined {
  if (rules === undefined || origin === undefined) return undefined
  const place = ['admin', 'login']
  const client = new LoginClient(rules, { client: new IssuerClient(), keys, secrets, log, place })
  const { issuer } = rules
  return new OidcLogin({ client, issuer, origin, sealer: sessions.sealer, log, nowMs: Date.now })
}

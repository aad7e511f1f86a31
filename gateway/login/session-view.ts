import { member } from '../oauth/json.ts'
import type { LoginRules } from '../oauth/token-facts.ts'
import { endOf, type Session } from '../sessions/session.ts'
import { loginUrl, logoutPaths } from './login-paths.ts'
import { type LoginReply, unkept } from './login-reply.ts'

type Claims = Readonly<Record<string, unknown>>

/**
 * State of the browser's login, as a JSON document for pages of the same origin. The members are in snake_case, as in
 * the JSON reply.
 */
interface SessionView {
  readonly authenticated: boolean
  readonly subject?: string
  readonly issuer?: string
  readonly claims?: Readonly<Record<string, unknown>>
  readonly acr?: string | null
  readonly auth_time?: number | null
  /**
   * Time at which the login session ends even if it is in use, RFC 3339. For a session without a refresh token, this is
   * the expiry of the access token.
   */
  readonly expires_at?: string
  readonly login_url: string
  readonly logout_url?: string
}

/** Reply that tells pages of the same origin that the browser is not logged in. */
export function loggedOutView(publicUrl: string): LoginReply {
  return json({ authenticated: false, login_url: loginUrl(publicUrl) } satisfies SessionView)
}

/**
 * Reply that describes the browser's login to pages of the same origin.
 *
 * @param claims  claims about the user, as requirements of routes see them
 */
export function sessionView(
  session: Session,
  { lifetime, sessionClaims }: Pick<LoginRules, 'lifetime' | 'sessionClaims'>,
  claims: Claims,
  publicUrl: string,
): LoginReply {
  const { subject, issuer, acr, authTimeS } = session
  const shown = sessionClaims.filter((name) => Object.hasOwn(claims, name)).map((name) => [name, claims[name]])
  return json({
    authenticated: true,
    login_url: loginUrl(publicUrl),
    subject,
    issuer,
    claims: Object.fromEntries(shown),
    acr: acr ?? null,
    auth_time: authTimeS ?? null,
    expires_at: new Date(endOf(session, lifetime.absoluteMs) * 1000).toISOString(),
    logout_url: publicUrl + logoutPaths[0],
  } satisfies SessionView)
}

/** Names of the claims in the reply to `/oauth2/userinfo`. */
export const userinfoClaims = ['email', 'groups', 'preferred_username'] as const

/**
 * Reply to `/oauth2/userinfo`, in the format of oauth2-proxy. When the browser is not logged in, the gate replies 401
 * instead.
 *
 * @param claims  claims about the user, as requirements of routes see them
 */
export function userinfoView({ subject }: Session, claims: Claims): LoginReply {
  const text = (name: string): string | undefined => {
    const value = member(claims, name)
    return typeof value === 'string' ? value : undefined
  }
  const groups = member(claims, 'groups')
  return json({
    user: subject,
    email: text('email') ?? '',
    ...(Array.isArray(groups) && { groups }),
    preferredUsername: text('preferred_username') ?? '',
  })
}

function json(document: object): LoginReply {
  const fields = [...unkept, ['content-type', 'application/json'], ['vary', 'cookie']] as const
  return { reason: 'answered', status: 200, fields, body: JSON.stringify(document) }
}

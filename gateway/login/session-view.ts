import { member } from '../oauth/json.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { lastEndOf, type Session } from '../sessions/session.ts'
import { loginUrl, logoutPaths } from './login-paths.ts'
import { type LoginReply, unkept } from './login-reply.ts'

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
  /** Time at which the session ends even if it is in use, RFC 3339. */
  readonly expires_at?: string
  readonly login_url: string
  readonly logout_url?: string
}

/**
 * Reply that describes the browser's login to pages of the same origin.
 *
 * @param session  `undefined` when the browser is not logged in
 */
export function sessionView(
  session: Session | undefined,
  rules: IssuerRules | undefined,
  publicUrl: string,
): LoginReply {
  const view: SessionView = { authenticated: session !== undefined, login_url: loginUrl(publicUrl) }
  if (session === undefined) return json(view)
  const { subject, issuer, acr, authTimeS } = session
  const absoluteMs = rules?.login?.lifetime.absoluteMs ?? Number.POSITIVE_INFINITY
  return json({
    ...view,
    subject,
    issuer,
    claims: chosenClaims(session, rules),
    acr: acr ?? null,
    auth_time: authTimeS ?? null,
    expires_at: new Date(lastEndOf(session, absoluteMs) * 1000).toISOString(),
    logout_url: publicUrl + logoutPaths[0],
  })
}

/**
 * Reply to `/oauth2/userinfo`, in the format of oauth2-proxy. When the browser is not logged in, the gate replies 401
 * instead.
 */
export function userinfoView(session: Session): LoginReply {
  const { subject, claims } = session
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

function chosenClaims({ claims }: Session, rules: IssuerRules | undefined): Record<string, unknown> {
  const names = rules?.login?.sessionClaims ?? []
  return Object.fromEntries(names.filter((name) => Object.hasOwn(claims, name)).map((name) => [name, claims[name]]))
}

function json(document: object): LoginReply {
  const fields = [...unkept, ['content-type', 'application/json'], ['vary', 'cookie']] as const
  return { reason: 'answered', status: 200, fields, body: JSON.stringify(document) }
}

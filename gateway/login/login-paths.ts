/**
 * Paths of the gate for browser logins and logouts. The second path of each list is the path that oauth2-proxy uses.
 */
export const loginPaths = ['/.gatehouse/login', '/oauth2/start'] as const
export const logoutPaths = ['/.gatehouse/logout', '/oauth2/sign_out'] as const
/** Path of `login.host` to which another host sends a browser to log in. */
export const handOverPath = '/.gatehouse/hand-over'
/** Path of a host at which a browser redeems the hand-over code that it got from `login.host`. */
export const enterPath = '/.gatehouse/enter'
export const backchannelLogoutPath = '/.gatehouse/backchannel-logout'
export const sessionPath = '/.gatehouse/session'
export const userinfoPath = '/oauth2/userinfo'

interface LoginWish {
  readonly returnTo?: string
  /** Names of the issuers between which the login lets the user choose. Default: all login issuers. */
  readonly issuers?: readonly string[]
  readonly acrValues?: readonly string[] | undefined
  readonly maxAgeS?: number | undefined
  /**
   * Query parameter `prompt` of the login: with `login`, the user must log in at the issuer again, even with a running
   * session at the issuer.
   */
  readonly prompt?: 'login' | undefined
  /**
   * {@link sessionTag} of the session whose request the route refused. If the browser has another session when the
   * login starts, it has logged in in another tab. It is then redirected to `returnTo` without a login.
   */
  readonly refused?: string
  /** Proof that the user agreed to replace a session: {@link SwitchConsents}. */
  readonly consent?: string
  /** Path of the gate at which the login starts; the path determines the redirect URI. Default: `/.gatehouse/login`. */
  readonly path?: (typeof loginPaths)[number]
}

/** Returns the URL that starts a login in a browser. */
export function loginUrl(publicUrl: string, wish: LoginWish = {}): string {
  const { returnTo, issuers = [], acrValues, maxAgeS, prompt, refused, consent, path = loginPaths[0] } = wish
  const query = new URLSearchParams()
  if (returnTo !== undefined) query.set('return_to', returnTo)
  for (const issuer of issuers) query.append('issuer', issuer)
  if (acrValues !== undefined) query.set('acr_values', acrValues.join(' '))
  if (maxAgeS !== undefined) query.set('max_age', String(maxAgeS))
  if (prompt !== undefined) query.set('prompt', prompt)
  if (refused !== undefined) query.set('refused', refused)
  if (consent !== undefined) query.set('consent', consent)
  return `${publicUrl}${path}${query.size === 0 ? '' : `?${query}`}`
}

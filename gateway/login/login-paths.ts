/** The gate's own paths for browsers; the second ones are those that users of oauth2-proxy know. */
export const loginPaths = ['/.gatehouse/login', '/oauth2/start'] as const
export const logoutPaths = ['/.gatehouse/logout', '/oauth2/sign_out'] as const
export const backchannelLogoutPath = '/.gatehouse/backchannel-logout'
export const sessionPath = '/.gatehouse/session'
export const userinfoPath = '/oauth2/userinfo'

interface LoginWish {
  readonly returnTo?: string
  /** Names of those to choose from; all where none is said. */
  readonly issuers?: readonly string[]
  readonly acrValues?: readonly string[] | undefined
  readonly maxAgeS?: number | undefined
  /** The person has to log in at the issuer again, whatever login there is. */
  readonly prompt?: 'login' | undefined
  /**
   * {@link sessionTag} of the session that the route refused. A browser with another session goes to `returnTo`,
   * because another tab has logged in.
   */
  readonly refused?: string
  /** Proof that the user agreed to replace a session: {@link SwitchConsents}. */
  readonly consent?: string
  /** Path at which the login begins; it determines the redirect URI. Default: the gate's own path. */
  readonly path?: (typeof loginPaths)[number]
}

/** URL at which a login begins. */
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

import type { LoginRules } from '../../oauth/token-facts.ts'

/**
 * Base paths of the gate's redirect URIs for logins. `/oauth2/callback` is the path that users of oauth2-proxy know.
 */
export const callbackPaths = ['/.gatehouse/callback', '/oauth2/callback'] as const
export type CallbackPath = (typeof callbackPaths)[number]

/**
 * Returns the path of an issuer's redirect URI. With `redirect: issuer` each issuer has its own path, so that a
 * response of one issuer never counts as the response of another.
 */
export function callbackPath(base: CallbackPath, name: string, redirect: LoginRules['redirect']): string {
  return redirect === 'plain' ? base : `${base}/${name}`
}

/** Whether the path has the form of a redirect URI path of any issuer. The issuer need not exist in the policy. */
export function isCallbackPath(path: string): boolean {
  return callbackPaths.some(
    (base) => path.startsWith(base) && /^(?:\/[A-Za-z0-9._-]{1,64})?$/.test(path.slice(base.length)),
  )
}

/** Whether the path is a redirect URI path of the issuer with this name. */
export function isCallbackPathOf(path: string, name: string, redirect: LoginRules['redirect']): boolean {
  return callbackPaths.some((base) => callbackPath(base, name, redirect) === path)
}

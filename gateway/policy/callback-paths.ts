import type { LoginRules } from '../oauth/token-facts.ts'

/** Where issuers send browsers back to; the second is the path that users of oauth2-proxy know. */
export const callbackPaths = ['/.gatehouse/callback', '/oauth2/callback'] as const
export type CallbackPath = (typeof callbackPaths)[number]

/** Path of an issuer's redirect URI: its own, so that a reply of one issuer never passes for one of another. */
export function callbackPath(base: CallbackPath, name: string, redirect: LoginRules['redirect']): string {
  return redirect === 'plain' ? base : `${base}/${name}`
}

/** Whether it is, or may be, the path of some redirect URI. */
export function isCallbackPath(path: string): boolean {
  return callbackPaths.some(
    (base) => path.startsWith(base) && /^(?:\/[A-Za-z0-9._-]{1,64})?$/.test(path.slice(base.length)),
  )
}

/** Whether the issuer sends browsers back to this path. */
export function isCallbackPathOf(path: string, name: string, redirect: LoginRules['redirect']): boolean {
  return callbackPaths.some((base) => callbackPath(base, name, redirect) === path)
}

import type { IssuerEntry } from '../config/issuer-entry.ts'
import type { LoginRules } from '../oauth/token-facts.ts'
import { callbackPath, callbackPaths } from './callback-paths.ts'
import type { Complain } from './complain.ts'

/**
 * Which redirect URIs each issuer has at which browsers log in, by its name.
 *
 * With one URI for all, a malicious issuer can send a browser on to an honest one and redeem what comes back (mix-up, RFC
 * 9700 §4.4). Where there are several, each says `redirect`, and one at most `plain`: so the URI that was registered for a
 * sole issuer never changes without somebody having said so.
 *
 * @param publicUrls  for messages; `undefined`: they are not known here
 */
export function loginRedirects(
  entries: Readonly<Record<string, IssuerEntry>>,
  publicUrls: readonly string[] | undefined,
  complain: Complain,
): ReadonlyMap<string, LoginRules['redirect']> {
  const logins = Object.entries(entries).flatMap(([name, { login }]) => (login === undefined ? [] : [{ name, login }]))
  const preset = logins.length === 1 ? 'plain' : 'issuer'
  const redirects = new Map(logins.map(({ name, login }) => [name, login.redirect ?? preset] as const))
  const register = registrations(withOnePlain(redirects), publicUrls)
  let plain: string | undefined
  for (const { name, login } of logins) {
    const at = ['issuers', name, 'login']
    if (logins.length > 1 && login.redirect === undefined) {
      const message = 'must say redirect: browsers log in at several issuers, and each needs a redirect URI of its own'
      complain('GH_POLICY_LOGIN', message, at, `plain for one at most, issuer for the others; register ${register}`)
    }
    if (redirects.get(name) === 'issuer' && /^\.\.?$/.test(name)) {
      complain('GH_POLICY_LOGIN', 'the name of the issuer is no segment of a path', at, 'give it another name')
    }
    if (redirects.get(name) !== 'plain') continue
    if (plain !== undefined) {
      const message = `one issuer at most has redirect: plain, and ${plain} has it`
      complain('GH_POLICY_LOGIN', message, [...at, 'redirect'], `set redirect: issuer here; register ${register}`)
    }
    plain ??= name
  }
  return redirects
}

/** As the hint of the error asks for: the plain redirect URI must not be registered at a second issuer. */
function withOnePlain(redirects: ReadonlyMap<string, LoginRules['redirect']>): Map<string, LoginRules['redirect']> {
  const plain = [...redirects].find(([, redirect]) => redirect === 'plain')?.[0]
  return new Map([...redirects.keys()].map((name) => [name, name === plain ? 'plain' : 'issuer']))
}

/** Every redirect URI of every issuer, as operators register them. */
function registrations(
  redirects: ReadonlyMap<string, LoginRules['redirect']>,
  publicUrls: readonly string[] = ['PUBLIC_URL'],
): string {
  const urisOf = (name: string, redirect: LoginRules['redirect']) =>
    publicUrls.flatMap((origin) => callbackPaths.map((base) => origin + callbackPath(base, name, redirect))).join(' ')
  const isPlainTaken = [...redirects.values()].includes('plain')
  return [...redirects]
    .map(([name, redirect]) => {
      const uris = `at ${name}: ${urisOf(name, redirect)}`
      return isPlainTaken ? uris : `${uris} (with plain: ${urisOf(name, 'plain')})`
    })
    .join('; ')
}

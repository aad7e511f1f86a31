import type { LoginRules } from '../../oauth/token-facts.ts'
import type { ReportProblem } from '../report-problem.ts'
import { callbackPath, callbackPaths } from './callback-paths.ts'
import type { IssuerEntry } from './issuer-entry.ts'

/**
 * Returns the form of the redirect URI of each login issuer, by issuer name.
 *
 * With one redirect URI for all issuers, a malicious issuer can send a browser to an honest issuer. The malicious
 * issuer can then redeem the response of the honest issuer (mix-up attack, RFC 9700 §4.4). With several login issuers,
 * each must therefore set `redirect`, and at most one is allowed to be `plain`. If a second login issuer is added, the
 * redirect URI of the first issuer thus changes only by an explicit setting.
 *
 * @param publicUrls  public URLs of the gate, for error messages; `undefined` when unknown
 */
export function loginRedirects(
  entries: Readonly<Record<string, IssuerEntry>>,
  publicUrls: readonly string[] | undefined,
  report: ReportProblem,
): ReadonlyMap<string, LoginRules['redirect']> {
  const logins = Object.entries(entries).flatMap(([name, { login }]) => (login === undefined ? [] : [{ name, login }]))
  const preset = logins.length === 1 ? 'plain' : 'issuer'
  const redirects = new Map(logins.map(({ name, login }) => [name, login.redirect ?? preset] as const))
  const register = registrations(withOnePlain(redirects), (name) => originsOf(entries[name]?.login?.host, publicUrls))
  let plain: string | undefined
  for (const { name, login } of logins) {
    const at = ['issuers', name, 'login']
    if (logins.length > 1 && login.redirect === undefined) {
      const message =
        'must set redirect: browsers log in at several issuers, and each issuer needs its own redirect URI'
      report(
        'GH_POLICY_LOGIN',
        message,
        at,
        `set redirect: plain for at most one of these issuers, and redirect: issuer for the others; register ${register}`,
      )
    }
    if (redirects.get(name) === 'issuer' && /^\.\.?$/.test(name)) {
      report('GH_POLICY_LOGIN', 'the issuer name cannot be a path segment of its redirect URI', at, 'rename the issuer')
    }
    if (redirects.get(name) !== 'plain') continue
    if (plain !== undefined) {
      const message = `at most one issuer may have redirect: plain, and issuer ${plain} has it`
      report('GH_POLICY_LOGIN', message, [...at, 'redirect'], `set redirect: issuer here; register ${register}`)
    }
    plain ??= name
  }
  return redirects
}

/**
 * Returns the redirect URI forms that an error hint suggests: `plain` for at most one issuer, and `issuer` for all
 * others.
 */
function withOnePlain(redirects: ReadonlyMap<string, LoginRules['redirect']>): Map<string, LoginRules['redirect']> {
  const plain = [...redirects].find(([, redirect]) => redirect === 'plain')?.[0]
  return new Map([...redirects.keys()].map((name) => [name, name === plain ? 'plain' : 'issuer']))
}

/**
 * Returns the origins at which the redirect URIs of an issuer can be.
 *
 * @param host  `login.host` of the issuer
 */
function originsOf(host: string | undefined, publicUrls: readonly string[] = ['PUBLIC_URL']): readonly string[] {
  if (host === undefined) return publicUrls
  return [publicUrls.find((url) => URL.parse(url)?.hostname === host) ?? `https://${host}`]
}

/** Lists, for an error hint, every redirect URI that the operator must register at each issuer. */
function registrations(
  redirects: ReadonlyMap<string, LoginRules['redirect']>,
  origins: (name: string) => readonly string[],
): string {
  const urisOf = (name: string, redirect: LoginRules['redirect']) =>
    origins(name)
      .flatMap((origin) => callbackPaths.map((base) => origin + callbackPath(base, name, redirect)))
      .join(' ')
  const isPlainTaken = [...redirects.values()].includes('plain')
  return [...redirects]
    .map(([name, redirect]) => {
      const uris = `at ${name}: ${urisOf(name, redirect)}`
      return isPlainTaken ? uris : `${uris} (with plain: ${urisOf(name, 'plain')})`
    })
    .join('; ')
}

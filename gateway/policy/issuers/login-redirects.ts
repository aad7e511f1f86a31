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
  const isPlainTaken = [...redirects.values()].includes('plain')
  let plain: string | undefined
  for (const { name, login } of logins) {
    const at = ['issuers', name, 'login']
    const uris = (redirect: LoginRules['redirect']) => redirectUris(name, redirect, originsOf(login.host, publicUrls))
    if (logins.length > 1 && login.redirect === undefined) {
      const message =
        'must set redirect: browsers log in at several issuers, and each issuer needs its own redirect URI'
      const hint = isPlainTaken
        ? `set redirect: issuer; register at ${name}: ${uris('issuer')}`
        : 'set redirect: plain for at most one of these issuers, and redirect: issuer for the others; ' +
          `register at ${name}: ${uris('issuer')} (with plain: ${uris('plain')})`
      report('GH_POLICY_LOGIN', message, at, hint)
    }
    if (redirects.get(name) === 'issuer' && /^\.\.?$/.test(name)) {
      report('GH_POLICY_LOGIN', 'the issuer name cannot be a path segment of its redirect URI', at, 'rename the issuer')
    }
    if (redirects.get(name) !== 'plain') continue
    if (plain !== undefined) {
      const message = `at most one issuer may have redirect: plain, and issuer ${plain} has it`
      report(
        'GH_POLICY_LOGIN',
        message,
        [...at, 'redirect'],
        `set redirect: issuer; register at ${name}: ${uris('issuer')}`,
      )
    }
    plain ??= name
  }
  return redirects
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

/** Lists, for an error hint, the redirect URIs that the operator must register at an issuer. */
function redirectUris(name: string, redirect: LoginRules['redirect'], origins: readonly string[]): string {
  return origins.flatMap((origin) => callbackPaths.map((base) => origin + callbackPath(base, name, redirect))).join(' ')
}

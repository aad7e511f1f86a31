import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { ReportProblem } from '../report-problem.ts'
import type { Route } from '../snapshot.ts'

/**
 * Returns, for each issuer with `login.host`, the hosts to which its logins are handed over: the hosts of `return_to`
 * that a route with a session of this issuer names. A route without a host adds no host. If every host below a pattern
 * in `return_to` counted, the owner of such a host could obtain sessions of users without having a service behind the
 * gate. The key is the issuer identifier.
 */
export function loginHosts(
  issuers: Iterable<IssuerRules>,
  routes: readonly Route[],
  report: ReportProblem,
): ReadonlyMap<string, ReadonlySet<string>> {
  const byIssuer = new Map<string, ReadonlySet<string>>()
  for (const rules of issuers) {
    if (rules.login?.host === undefined) continue
    byIssuer.set(rules.issuer, hostsOf(rules, rules.login.host, rules.login.returnTo, routes, report))
  }
  return byIssuer
}

/** @param name  host name in lower case, without a port */
export function hasHost(hosts: ReadonlySet<string> | undefined, name: string): boolean {
  return hosts !== undefined && (hosts.has(name) || hosts.has(`*${afterLabel(name)}`))
}

function hostsOf(
  rules: IssuerRules,
  own: string,
  returnTo: readonly string[],
  routes: readonly Route[],
  report: ReportProblem,
): ReadonlySet<string> {
  const hosts = new Set<string>()
  const at = ['issuers', rules.name, 'login', 'return_to']
  const sessionRoutes = routes.filter(({ host, logins }) => host !== undefined && logins.includes(rules))
  for (const [i, pattern] of returnTo.entries()) {
    const found = sessionRoutes.flatMap(({ host }) => common(pattern, host!) ?? [])
    for (const host of found) hosts.add(host)
    if (found.length > 0) continue
    const message = `has no effect: no route with a host that ${pattern} covers requires a session of issuer ${rules.name}`
    const hint = 'add match.host to the routes that require the session, or remove the entry'
    report('GH_POLICY_LOGIN', message, [...at, i], hint)
  }
  for (const { id, host } of sessionRoutes) {
    if (host === own || returnTo.some((pattern) => common(pattern, host!) !== undefined)) continue
    const message = `return_to has no entry for host ${host} of route ${id}, so no browser could log in there`
    report('GH_POLICY_LOGIN', message, at, `add ${host} to return_to`)
  }
  return hosts
}

/** Returns the narrower of two patterns if a host can match both. */
function common(a: string, b: string): string | undefined {
  if (a === b || a === `*${afterLabel(b)}`) return b
  return b === `*${afterLabel(a)}` ? a : undefined
}

function afterLabel(host: string): string {
  const dot = host.indexOf('.')
  return dot === -1 ? '' : host.slice(dot)
}

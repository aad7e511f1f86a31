import { isDeepStrictEqual } from 'node:util'
import { didYouMean } from '../../base/nearest.ts'
import type { KeyedIssuerEntry } from '../../config/keyed-issuer-entry.ts'
import type { IntrospectionRules, IssuerRules, LoginRules } from '../../oauth/token-facts.ts'
import type { ReportProblem } from '../report-problem.ts'
import { admitsCertificates } from '../requirements/certificate.ts'
import type { ServiceEntry } from '../services/service-entry.ts'
import type { Snapshot } from '../snapshot.ts'
import type { FolderOf } from './client-auth.ts'
import { compileIntrospection } from './compile-introspection.ts'
import { compileLogin } from './compile-login.ts'
import type { IssuerEntry } from './issuer-entry.ts'
import { loginRedirects } from './login-redirects.ts'

export interface IssuerScope {
  readonly previous: Snapshot | undefined
  /** Longest time for which any route accepts a stale introspection response, ms. */
  readonly longestStaleMs: number
  readonly folderOf: FolderOf
  /** Public URLs of the gate, for the redirect URIs in error messages; `undefined` when unknown. */
  readonly publicUrls: readonly string[] | undefined
  readonly report: ReportProblem
}

/**
 * Compiles the entries under `issuers`. The result has the rules by issuer name. An entry that is unchanged from the
 * snapshot `previous` reuses its object. The cached token facts and keys of that issuer then survive changes to other
 * parts of the policy.
 */
export function compileIssuers(
  entries: Readonly<Record<string, IssuerEntry>>,
  { previous, longestStaleMs, folderOf, publicUrls, report }: IssuerScope,
): ReadonlyMap<string, IssuerRules> {
  const byName = new Map<string, IssuerRules>()
  const names = new Map<string, string>()
  const redirects = loginRedirects(entries, publicUrls, report)
  for (const [name, entry] of Object.entries(entries)) {
    const introspection = compileIntrospection(name, entry, longestStaleMs, folderOf, report)
    const first = names.get(entry.issuer)
    if (first !== undefined) {
      report('GH_POLICY_ISSUER', `has the same identifier as issuer ${first}; each identifier must occur once`, [
        'issuers',
        name,
        'issuer',
      ])
    }
    names.set(entry.issuer, name)
    const login = compileLogin(name, entry, redirects.get(name) ?? 'plain', folderOf, report)
    const rules = issuerRules(name, entry, introspection, login)
    const before = previous?.issuers.get(entry.issuer)
    byName.set(name, isDeepStrictEqual(rules, before) ? before! : rules)
  }
  return byName
}

/** Builds the rules by which the tokens of one issuer are validated. */
export function issuerRules(
  name: string,
  entry: KeyedIssuerEntry & Partial<Pick<IssuerEntry, 'tokens' | 'recheck'>>,
  introspection?: IntrospectionRules,
  login?: LoginRules,
): IssuerRules {
  return {
    name,
    issuer: entry.issuer,
    audience: new Set(entry.audience),
    algorithms: new Set(entry.algorithms),
    profile: entry.profile,
    clockToleranceS: entry.clock_tolerance / 1000,
    maxTokenLifetimeS: entry.max_token_lifetime / 1000,
    scopeClaim: entry.scope_claim,
    scopeArray: entry.scope_array,
    clientClaim: entry.client_claim,
    jwksUri: entry.jwks_uri,
    keysStaleMs: entry.keys_stale,
    tokens: entry.tokens ?? 'jwt',
    introspection,
    login,
    recheckMs: entry.recheck,
  }
}

/**
 * Whether a route can be used without tokens: either the route is public and has no shadow requirement, or it admits
 * callers by their certificates.
 */
export function needsNoToken({ require, shadow }: ServiceEntry['routes'][number]): boolean {
  return require === 'public' ? shadow === undefined : admitsCertificates(require)
}

/**
 * Returns the issuers that a service accepts: those in its list, or else the only issuer of the policy. The set is
 * empty when the service lists no issuer, its routes need no token, and the policy does not have exactly one issuer.
 */
export function issuersOf(
  id: string,
  { issuers, routes }: ServiceEntry,
  byName: ReadonlyMap<string, IssuerRules>,
  report: ReportProblem,
): ReadonlySet<IssuerRules> {
  if (issuers === undefined) {
    if (byName.size === 1 || routes.every(needsNoToken)) {
      return new Set(byName.size === 1 ? byName.values() : [])
    }
    const message =
      byName.size === 0
        ? 'needs an issuer, and the policy defines none'
        : 'must list its issuers, because the policy defines several'
    const hint = byName.size === 0 ? 'add one under issuers' : `set issuers to some of ${[...byName.keys()].join(', ')}`
    report('GH_POLICY_ISSUER', message, ['services', id], hint)
    return new Set()
  }
  const listed = new Set<IssuerRules>()
  for (const [i, name] of issuers.entries()) {
    const rules = byName.get(name)
    if (rules !== undefined) listed.add(rules)
    else
      report(
        'GH_POLICY_ISSUER',
        `no issuer is named ${name}`,
        ['services', id, 'issuers', i],
        didYouMean(name, byName.keys()),
      )
  }
  return listed
}

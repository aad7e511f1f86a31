import type { IntrospectionRules, IntrospectionTerms, IssuerRules } from '../../oauth/token-facts.ts'
import type { ReportProblem } from '../report-problem.ts'
import { clientAuthOf, type FolderOf } from './client-auth.ts'
import type { IssuerEntry } from './issuer-entry.ts'

/**
 * Maximum number of issuers at which one service can introspect an opaque token. Each of these issuers receives the
 * token.
 */
const MAX_ASKED = 4

/**
 * Compiles the introspection settings of an issuer; `undefined` when its tokens are never introspected, or after a
 * reported problem.
 */
export function compileIntrospection(
  name: string,
  { tokens, recheck, introspection: entry }: IssuerEntry,
  longestStaleMs: number,
  folderOf: FolderOf,
  report: ReportProblem,
): IntrospectionRules | undefined {
  const path = ['issuers', name, 'introspection']
  const why = tokens !== 'jwt' ? `tokens: ${tokens}` : recheck !== undefined ? 'recheck' : undefined
  if (recheck !== undefined && tokens === 'opaque') {
    report(
      'GH_POLICY_INTROSPECTION',
      'applies only to JWTs, but with tokens: opaque the gate accepts no JWT; remove recheck, or set tokens: any',
      ['issuers', name, 'recheck'],
    )
  }
  if (entry === undefined) {
    if (why !== undefined) report('GH_POLICY_INTROSPECTION', `is required with ${why}`, path)
    return undefined
  }
  if (why === undefined) {
    const hint = 'set tokens to opaque or any, or set recheck, for example 60s; otherwise remove introspection'
    report('GH_POLICY_INTROSPECTION', 'is never used, because tokens is jwt and recheck is not set', path, hint)
  }
  const refuse = (message: string) => report('GH_POLICY_INTROSPECTION', message, path)
  const auth = clientAuthOf(entry, folderOf(path), refuse)
  if (auth === undefined) return undefined
  if (auth.method === 'none') {
    refuse('needs a client credential: set client_secret, private_key or certificate')
    return undefined
  }
  return {
    endpoint: entry.endpoint,
    clientId: entry.client_id,
    auth,
    response: entry.response,
    cacheMs: entry.cache,
    negativeCacheMs: entry.negative_cache,
    staleMs: entry.stale,
    keepStaleMs: Math.max(entry.stale, longestStaleMs),
    timeoutMs: entry.timeout,
    concurrency: entry.concurrency,
    ratePerS: entry.rate,
  }
}

/**
 * Lists of issuers at which services introspect opaque tokens. Services with equal lists share one array object.
 *
 * @bound policy
 */
export class AskedIssuers {
  readonly #lists = new Map<string, readonly IssuerRules[]>()
  readonly #report: ReportProblem
  readonly #refused = new Set<string>()

  constructor(report: ReportProblem) {
    this.#report = report
  }

  /** Returns the issuers of a service at which opaque tokens are introspected. More than 4 issuers are a problem. */
  of(id: string, issuers: ReadonlySet<IssuerRules>): readonly IssuerRules[] {
    const asked = [...issuers].filter(({ tokens, introspection }) => tokens !== 'jwt' && introspection !== undefined)
    if (asked.length > MAX_ASKED && !this.#refused.has(id)) {
      this.#refused.add(id)
      const message = `has ${asked.length} issuers with opaque tokens, at most ${MAX_ASKED} are allowed, because each of them receives every opaque token`
      this.#report('GH_POLICY_INTROSPECTION', message, ['services', id])
    }
    const names = asked.map(({ name }) => name).join()
    const known = this.#lists.get(names) ?? Object.freeze(asked)
    this.#lists.set(names, known)
    return known
  }
}

/**
 * Compiles the introspection settings of a route.
 *
 * @param stale  longest time for which the route accepts a stale response, ms; `closed` means 0 ms, `undefined` means
 *   the time that the issuer's entry sets
 */
export function introspectionTerms(
  asked: readonly IssuerRules[],
  stale: number | 'closed' | undefined,
): IntrospectionTerms {
  return Object.freeze({ asked, staleMs: stale === 'closed' ? 0 : stale })
}

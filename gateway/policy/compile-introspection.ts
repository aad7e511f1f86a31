import { resolve } from 'node:path'
import type { IntrospectionEntry } from '../config/introspection-entry.ts'
import type { IssuerEntry } from '../config/issuer-entry.ts'
import type { DocumentPath } from '../config/problem.ts'
import type { SecretReference } from '../config/secret.ts'
import type {
  ClientAuth,
  IntrospectionRules,
  IntrospectionTerms,
  IssuerRules,
  SecretPlace,
} from '../oauth/token-facts.ts'
import type { Complain } from './complain.ts'

/** Folder of the file that a part of the policy stands in. */
export type FolderOf = (path: DocumentPath) => string

/** Issuers that one service may have asked about a token that says nothing of itself. Each learns the token. */
const MAX_ASKED = 4

/** How the issuer is asked about tokens; `undefined`: it never is. */
export function compileIntrospection(
  name: string,
  { tokens, recheck, introspection: entry }: IssuerEntry,
  longestStaleMs: number,
  folderOf: FolderOf,
  complain: Complain,
): IntrospectionRules | undefined {
  const path = ['issuers', name, 'introspection']
  const why = tokens !== 'jwt' ? `tokens: ${tokens}` : recheck !== undefined ? 'recheck' : undefined
  if (recheck !== undefined && tokens === 'opaque') {
    complain('GH_POLICY_INTROSPECTION', 'is for JWTs, and the issuer has none', ['issuers', name, 'recheck'])
  }
  if (entry === undefined) {
    if (why !== undefined) complain('GH_POLICY_INTROSPECTION', `is required with ${why}`, path)
    return undefined
  }
  if (why === undefined) {
    const hint = 'say tokens: opaque or any, or recheck: 60s'
    complain('GH_POLICY_INTROSPECTION', 'is never used: the issuer is not asked about its tokens', path, hint)
  }
  const auth = authOf(entry, folderOf(path), (message) => complain('GH_POLICY_INTROSPECTION', message, path))
  if (auth === undefined) return undefined
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

/** By what the entry has; where it says the method too, that must fit. */
function authOf(
  entry: IntrospectionEntry,
  folder: string,
  complain: (message: string) => void,
): ClientAuth | undefined {
  const { client_auth: method, client_secret: secret, private_key: key, certificate, certificate_key } = entry
  const given = Object.entries({ client_secret: secret, private_key: key, certificate }).filter(([, value]) => value)
  if (given.length !== 1) {
    const names = given.map(([name]) => name).join(' and ')
    complain(
      given.length === 0
        ? 'has nothing that shows who the gate is: client_secret, private_key or certificate'
        : `has ${names}: only one can show who the gate is`,
    )
    return undefined
  }
  if ((certificate === undefined) !== (certificate_key === undefined)) {
    complain('certificate and certificate_key belong together')
    return undefined
  }
  if (secret !== undefined) {
    if (method === undefined || method === 'client_secret_basic' || method === 'client_secret_post') {
      return { method: method ?? 'client_secret_basic', secret: placeOf(secret, folder) }
    }
    complain(`${method} is not done with a client_secret`)
    return undefined
  }
  const fitting = key === undefined ? 'tls_client_auth' : 'private_key_jwt'
  if (method !== undefined && method !== fitting) {
    complain(`${method} is not done with a ${key === undefined ? 'certificate' : 'private_key'}`)
    return undefined
  }
  return key === undefined
    ? { method: 'tls_client_auth', certFile: resolve(folder, certificate!), key: placeOf(certificate_key!, folder) }
    : { method: 'private_key_jwt', key: placeOf(key, folder) }
}

function placeOf({ env, file }: SecretReference, folder: string): SecretPlace {
  return env === undefined ? { file: resolve(folder, file!) } : { env }
}

/** How the routes of a policy ask issuers: lists of the same issuers are the same list. */
export class AskedIssuers {
  readonly #lists = new Map<string, readonly IssuerRules[]>()
  readonly #complain: Complain
  readonly #refused = new Set<string>()

  constructor(complain: Complain) {
    this.#complain = complain
  }

  /** Issuers of a service that are asked about tokens which say nothing of themselves. */
  of(id: string, issuers: ReadonlySet<IssuerRules>): readonly IssuerRules[] {
    const asked = [...issuers].filter(({ tokens, introspection }) => tokens !== 'jwt' && introspection !== undefined)
    if (asked.length > MAX_ASKED && !this.#refused.has(id)) {
      this.#refused.add(id)
      const message = `has ${asked.length} issuers with opaque tokens, more than ${MAX_ASKED}: all learn each such token`
      this.#complain('GH_POLICY_INTROSPECTION', message, ['services', id])
    }
    const names = asked.map(({ name }) => name).join()
    const known = this.#lists.get(names) ?? Object.freeze(asked)
    this.#lists.set(names, known)
    return known
  }
}

/** @param stale  as the route says it; ms */
export function introspectionTerms(
  asked: readonly IssuerRules[],
  stale: number | 'closed' | undefined,
): IntrospectionTerms {
  return Object.freeze({ asked, staleMs: stale === 'closed' ? 0 : stale })
}

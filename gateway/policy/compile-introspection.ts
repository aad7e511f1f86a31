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
import type { ServicePolicy } from './snapshot.ts'

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

/** @param stale  as the route says it; ms */
export function introspectionTerms(service: ServicePolicy, stale: number | 'closed' | undefined): IntrospectionTerms {
  return Object.freeze({ asked: askedOf(service), staleMs: stale === 'closed' ? 0 : stale })
}

export function refuseTooManyAsked(service: ServicePolicy, complain: Complain): void {
  const { length } = askedOf(service)
  if (length <= MAX_ASKED) return
  const message = `has ${length} issuers with opaque tokens, more than ${MAX_ASKED}: each is asked about every such token`
  complain('GH_POLICY_INTROSPECTION', message, ['services', service.id])
}

function askedOf({ issuers }: ServicePolicy): readonly IssuerRules[] {
  return [...issuers].filter(({ tokens, introspection }) => tokens !== 'jwt' && introspection !== undefined)
}

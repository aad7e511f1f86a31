import { proofAlgorithms } from './dpop-proof.ts'

/** Protected resource metadata document (RFC 9728 §2). */
export interface ResourceMetadata {
  readonly resource: string
  readonly authorization_servers: readonly string[]
  readonly scopes_supported?: readonly string[]
  readonly bearer_methods_supported: readonly ['header']
  /** Accepted algorithms of DPoP proofs (RFC 9449); absent when no route accepts bound tokens. */
  readonly dpop_signing_alg_values_supported?: readonly string[]
  /** True when every route requires bound tokens; absent otherwise. */
  readonly dpop_bound_access_tokens_required?: true
  readonly tls_client_certificate_bound_access_tokens?: true
  readonly resource_name?: string
}

interface ResourceDescription {
  /** Resource identifier: an absolute URL without fragment. */
  readonly resource: string
  /** Identifiers of the issuers whose tokens are accepted. */
  readonly issuers: Iterable<string>
  /** Scopes that routes of the resource require, in any order. */
  readonly scopes?: Iterable<string>
  /** Whether tokens that are bound to a client certificate are accepted (RFC 8705 §3). Default: false. */
  readonly certificateBound?: boolean
  readonly name?: string
  /** Whether access tokens that are bound to the key of DPoP proofs are accepted, or required. Default: refused. */
  readonly dpop?: 'refused' | 'accepted' | 'required'
}

/** Well-known path, inserted between host and path of a resource identifier (RFC 9728 §3). */
export const resourceMetadataPath = '/.well-known/oauth-protected-resource'

/** Builds the metadata of a resource. Empty members are omitted (RFC 9728 §3.2). */
export function resourceMetadata(description: ResourceDescription): ResourceMetadata {
  const { resource, issuers, scopes = [], name, dpop = 'refused', certificateBound = false } = description
  const supported = [...new Set(scopes)].sort()
  return {
    resource,
    authorization_servers: [...new Set(issuers)],
    ...(supported.length > 0 && { scopes_supported: supported }),
    bearer_methods_supported: ['header'],
    ...(dpop !== 'refused' && { dpop_signing_alg_values_supported: proofAlgorithms }),
    ...(dpop === 'required' && { dpop_bound_access_tokens_required: true as const }),
    ...(certificateBound && { tls_client_certificate_bound_access_tokens: true }),
    ...(name !== undefined && { resource_name: name }),
  }
}

/**
 * Returns the URL of the metadata of a protected resource (RFC 9728 §3.1). The well-known path is inserted before the
 * path of the resource; a path of `/` is dropped. A challenge names the metadata of the requested URL, not of the whole
 * gate, because a client rejects metadata whose `resource` differs from the URL that it requested (RFC 9728 §3.3).
 *
 * @param origin  scheme and authority, without a trailing `/`
 * @param path  path and query of the resource, starting with `/`
 */
export function resourceMetadataUrl(origin: string, path: string): string {
  return `${origin}${resourceMetadataPath}${path === '/' ? '' : path}`
}

import type { IssuerRules } from '../oauth/token-facts.ts'
import type { IssuerClient } from './issuer-client.ts'

/**
 * Finds where an issuer publishes its keys: as the policy says, else by OpenID Connect Discovery §4, else by
 * authorization server metadata (RFC 8414 §3), asked only where the first document does not exist.
 *
 * @throws {Error} when neither document can be had, or it speaks for another issuer (RFC 8414 §3.3)
 */
export async function discoverKeySetUrl(
  client: IssuerClient,
  rules: IssuerRules,
  signal: AbortSignal,
): Promise<string> {
  if (rules.jwksUri !== undefined) return rules.jwksUri
  for (const url of metadataUrls(rules.issuer)) {
    const metadata = await client.getJson(url, signal)
    if (metadata !== undefined) return keySetUrlOf(metadata, rules.issuer, url)
  }
  throw new Error(`no metadata found for ${rules.issuer}`)
}

/** A final `/` of the issuer is dropped before a path is added (OpenID Connect Discovery §4, RFC 8414 §3.1). */
function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ]
}

function keySetUrlOf(metadata: unknown, issuer: string, url: string): string {
  const { issuer: named, jwks_uri: keySetUrl } = (metadata ?? {}) as { issuer?: unknown; jwks_uri?: unknown }
  if (named !== issuer) {
    throw new Error(`${url} is metadata of another issuer: ${String(JSON.stringify(named)).slice(0, 200)}`)
  }
  if (typeof keySetUrl !== 'string') throw new Error(`${url} has no jwks_uri`)
  return keySetUrl
}

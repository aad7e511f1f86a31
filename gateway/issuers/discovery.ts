import type { IssuerRules } from '../oauth/token-facts.ts'
import type { IssuerClient } from './issuer-client.ts'
import { readMetadataUrl } from './issuer-url.ts'

/** Metadata of an authorization server (RFC 8414 §2): a JSON object that names its issuer. */
export type IssuerMetadata = Readonly<Record<string, unknown>>

/**
 * Finds the URL of an issuer's key set: `jwks_uri` of the policy, or else of the issuer's metadata.
 *
 * @throws {Error} when the metadata cannot be fetched, or its `jwks_uri` is missing or rejected
 */
export async function discoverKeySetUrl(
  client: IssuerClient,
  rules: IssuerRules,
  signal: AbortSignal,
): Promise<string> {
  if (rules.jwksUri !== undefined) return rules.jwksUri
  const { jwks_uri: keySetUrl } = await discover(client, rules, signal)
  if (typeof keySetUrl !== 'string') throw new Error(`the metadata of issuer ${rules.issuer} has no jwks_uri`)
  return readMetadataUrl(keySetUrl, 'jwks_uri', rules.issuer, ', or set `jwks_uri` in the policy').href
}

/**
 * Fetches the metadata of an issuer by OpenID Connect Discovery §4. If that document does not exist, uses RFC 8414 §3.
 *
 * @throws {Error} when neither document is available, or it names another issuer (RFC 8414 §3.3)
 */
export async function discover(client: IssuerClient, rules: IssuerRules, signal: AbortSignal): Promise<IssuerMetadata> {
  for (const url of metadataUrls(rules.issuer)) {
    const metadata = await client.getJson(url, signal)
    if (metadata !== undefined) return metadataOf(metadata, rules.issuer, url)
  }
  throw new Error(`no metadata found for issuer ${rules.issuer}`)
}

/** A trailing `/` of the issuer is removed before a path is added (OpenID Connect Discovery §4, RFC 8414 §3.1). */
function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ]
}

function metadataOf(document: unknown, issuer: string, url: string): IssuerMetadata {
  const metadata = (document ?? {}) as IssuerMetadata
  const { issuer: named } = metadata
  if (named !== issuer) {
    throw new Error(`${url} returned the metadata of another issuer: ${String(JSON.stringify(named)).slice(0, 200)}`)
  }
  return metadata
}

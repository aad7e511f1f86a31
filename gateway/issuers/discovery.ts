import type { IssuerRules } from '../oauth/token-facts.ts'
import type { IssuerClient } from './issuer-client.ts'
import { readMetadataUrl } from './issuer-url.ts'

/** Metadata of an authorization server (RFC 8414 §2): a JSON object whose `issuer` was checked. */
export type IssuerMetadata = Readonly<Record<string, unknown>>

/**
 * Finds the URL of an issuer's key set: `jwks_uri` of the issuer in the policy, or else `jwks_uri` in the metadata that
 * the issuer publishes.
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
 * Fetches the metadata of an issuer from the URL of OpenID Connect Discovery §4. If there is no document at this URL,
 * uses the URL of RFC 8414 §3.
 *
 * @throws {Error} when the request fails or gets a reply other than 200 and 4xx, when both URLs reply 4xx, or when the
 * document names another issuer (RFC 8414 §3.3)
 */
export async function discover(client: IssuerClient, rules: IssuerRules, signal: AbortSignal): Promise<IssuerMetadata> {
  for (const url of metadataUrls(rules.issuer)) {
    const metadata = await client.getJson(url, signal)
    if (metadata !== undefined) return metadataOf(metadata, rules.issuer, url)
  }
  throw new Error(`no metadata found for issuer ${rules.issuer}`)
}

/**
 * Returns the URLs at which an issuer can publish its metadata. A trailing `/` of the issuer identifier is removed
 * first (OpenID Connect Discovery §4, RFC 8414 §3.1).
 */
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
    const given = String(JSON.stringify(named)).slice(0, 200)
    throw new Error(`${url} returned the metadata of another issuer: issuer is ${given}, not ${issuer}`)
  }
  return metadata
}

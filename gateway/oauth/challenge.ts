/**
 * A Bearer challenge (RFC 6750 §3) without `resource_metadata`, which names the URL of the exchange and is added with
 * the reply. Values are ours (scopes from the policy): they hold no `"` and no `\`.
 */
export function bearerChallenge(parameters: Readonly<Record<string, string>> = {}): string {
  const listed = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`)
  return listed.length === 0 ? 'Bearer' : `Bearer ${listed.join(', ')}`
}

/** Completes a challenge with the URL of the resource's metadata (RFC 9728 §5.1). */
export function withResourceMetadata(challenge: string, metadataUrl: string): string {
  return `${challenge}${challenge.includes(' ') ? ',' : ''} resource_metadata="${metadataUrl}"`
}

import { proofAlgorithms } from './dpop-proof.ts'

/**
 * Builds a Bearer challenge (RFC 6750 §3) without `resource_metadata`. This parameter depends on the requested URL, so
 * it is added for each reply. Parameter values come from the gate and the policy (scopes): they contain no `"` and no
 * `\`.
 */
export function bearerChallenge(parameters: Readonly<Record<string, string>> = {}): string {
  const listed = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`)
  return listed.length === 0 ? 'Bearer' : `Bearer ${listed.join(', ')}`
}

/** `WWW-Authenticate` challenge for a client id and secret (RFC 7617 §2). */
export const basicChallenge = 'Basic realm="gatehouse", charset="UTF-8"'

const dpopAlgorithms = `algs="${proofAlgorithms.join(' ')}"`

/** Builds a DPoP challenge (RFC 9449 §7.1), which lists the accepted algorithms of proofs. */
export function dpopChallenge(parameters: Readonly<Record<string, string>> = {}): string {
  return withDpopScheme(bearerChallenge(parameters))
}

/** Turns a Bearer challenge into the DPoP challenge with the same parameters. Returns other challenges unchanged. */
export function withDpopScheme(challenge: string): string {
  if (challenge === 'Bearer') return `DPoP ${dpopAlgorithms}`
  return challenge.startsWith('Bearer ') ? `DPoP ${challenge.slice(7)}, ${dpopAlgorithms}` : challenge
}

/** Adds the URL of the resource metadata to a challenge (RFC 9728 §5.1). */
export function withResourceMetadata(challenge: string, metadataUrl: string): string {
  return `${challenge}${challenge.includes(' ') ? ',' : ''} resource_metadata="${metadataUrl}"`
}

import type { NewSession } from './session.ts'

/** Maximum sizes of a session in JSON, characters: one for its claims, and one for all its tokens together. */
const CLAIMS_MAX = 8 * 1024
const TOKENS_MAX = 48 * 1024

/**
 * Whether the claims or the tokens of a session exceed their maximum size. The limit protects Redis and the memory of
 * nodes.
 */
export function isTooLarge({ claims, tokens }: Pick<NewSession, 'claims' | 'tokens'>): boolean {
  return JSON.stringify(claims).length > CLAIMS_MAX || JSON.stringify(tokens).length > TOKENS_MAX
}

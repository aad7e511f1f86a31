import type { NewSession } from './session.ts'

/** Of the claims in JSON, and of all tokens together; characters. */
const CLAIMS_MAX = 8 * 1024
const TOKENS_MAX = 48 * 1024

/** Whether claims or tokens are larger than a session may hold, which Redis and the memory of nodes bear many of. */
export function isTooLarge({ claims, tokens }: Pick<NewSession, 'claims' | 'tokens'>): boolean {
  return JSON.stringify(claims).length > CLAIMS_MAX || JSON.stringify(tokens).length > TOKENS_MAX
}

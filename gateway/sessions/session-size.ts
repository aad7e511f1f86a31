import type { NewSession } from './session.ts'

/** Maximum length of the claims in JSON, and of all tokens together, characters. */
const CLAIMS_MAX = 8 * 1024
const TOKENS_MAX = 48 * 1024

/** Whether claims or tokens exceed the limits, which protect Redis and the memory of nodes. */
export function isTooLarge({ claims, tokens }: Pick<NewSession, 'claims' | 'tokens'>): boolean {
  return JSON.stringify(claims).length > CLAIMS_MAX || JSON.stringify(tokens).length > TOKENS_MAX
}

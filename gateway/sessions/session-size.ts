import type { NewSession } from './session.ts'

/** Of the claims as JSON, and of all that an issuer's login brings; characters. */
const CLAIMS_MAX = 8 * 1024
const SESSION_MAX = 32 * 1024

/** Whether a session would hold more than one may: each is kept in Redis and in the memory of nodes. */
export function isTooLarge({ claims, tokens }: Pick<NewSession, 'claims' | 'tokens'>): boolean {
  const claimed = JSON.stringify(claims).length
  return claimed > CLAIMS_MAX || claimed + JSON.stringify(tokens).length > SESSION_MAX
}

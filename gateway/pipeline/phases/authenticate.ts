import type { TokenReason } from '../../base/reasons.ts'
import { derivedFor } from '../../credentials/derived.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'
import { rolesOf } from '../../policy/roles.ts'
import type { Identified, Presented } from '../exchange.ts'
import type { Phase } from '../phase.ts'
import type { Verdict } from '../steps.ts'

/**
 * Turns the credential into token facts: at once when they are known, else after a verification. Denies 401
 * `invalid_token`, the same to the client whatever is wrong; throws `issuer-unreachable` when the keys cannot be had.
 */
export const authenticate: Phase<Presented, Identified> = {
  name: 'authenticate',
  run(x) {
    if (x.route.requirement === undefined) return undefined
    const verified = x.gate.verifier.verify(x.credential, x.runtime.snapshot.issuers, x.nowMs)
    return verified instanceof Promise ? verified.then((late) => identify(x, late)) : identify(x, verified)
  },
}

function identify(x: Presented, verified: TokenFacts | TokenReason): Verdict {
  const { route } = x
  if (typeof verified === 'string') return route.denials.token[verified]
  x.facts = verified
  x.derived = derivedFor(verified, route.service, () => rolesOf(route.service.roles, verified.claims))
  return undefined
}

import { GatewayFault } from '../base/fault.ts'
import type { Reason } from '../base/reasons.ts'
import type { TokenFacts } from '../oauth/token-facts.ts'
import { rolesOf } from '../policy/roles.ts'
import type { Requirement, RequirementInput } from '../policy/snapshot.ts'
import type { Identified } from './exchange.ts'
import { presentedToken } from './presented-token.ts'
import { resumed } from './resumed.ts'

/** What a rule that is only tried out would have done: let the request in, or refused it for this reason. */
export type ShadowVerdict = NonNullable<Identified['shadow']>

/**
 * Judges the shadow of the route, where it has one, and notes the verdict for the record. Whatever happens in here, the
 * exchange goes on as if it had not: nothing is refused, nobody waits, nothing is thrown, and the service learns nothing.
 */
export function judgeShadow(x: Identified): void {
  const { shadow } = x.route
  if (shadow === undefined) return
  try {
    if (x.facts === undefined) judgeStranger(x, shadow)
    else x.shadow = verdictOn(x, shadow, x.facts, x)
  } catch (error) {
    x.shadow = reasonOf(error)
  }
}

function verdictOn(x: Identified, shadow: Requirement, facts: TokenFacts, input: RequirementInput): ShadowVerdict {
  if (!x.route.service.issuers.has(facts.issuer)) return 'token-issuer-not-accepted'
  return shadow.evaluate(input)?.reason ?? 'met'
}

/**
 * On a public route nobody has looked at the token. Where it takes a signature or a key to know it, the exchange does
 * not wait: the verdict comes with the record, unless the exchange is over before.
 */
function judgeStranger(x: Identified, shadow: Requirement): void {
  const presented = presentedToken(x)
  if (typeof presented === 'string') {
    x.shadow = presented
    return
  }
  const { token } = presented
  const { verifier, addressLimit } = x.gate
  if (addressLimit.exhausted(x.address) && !verifier.knows(token)) {
    x.shadow = 'address-limited'
    return
  }
  const judge = (verified: TokenFacts | Reason): void => {
    if (typeof verified === 'string') x.shadow = verified
    else if (x.gate.revocations?.revoked(verified, token) === true) x.shadow = 'token-revoked'
    else x.shadow = verdictOn(x, shadow, verified, inputOf(x, verified))
  }
  const verified = verifier.verify(token, x.runtime.snapshot.issuers, x.nowMs)
  if (!(verified instanceof Promise)) {
    judge(verified)
    return
  }
  resumed(x, verified, (late) => {
    if (typeof late === 'string') addressLimit.charge(x.address)
    judge(late)
  }).catch((error: unknown) => {
    x.shadow = reasonOf(error)
  })
}

/** Beside the exchange, on which facts would make the service believe that somebody was asked for a token. */
function inputOf(x: Identified, token: TokenFacts): RequirementInput {
  const roles = rolesOf(x.route.service.roles, token.claims)
  return { token, loginIssuer: undefined, roles, address: x.address, nowMs: x.nowMs, field: (name) => x.field(name) }
}

function reasonOf(error: unknown): Reason {
  return error instanceof GatewayFault ? error.reason : 'node-fault'
}

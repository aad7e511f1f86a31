import type { TokenReason } from '../../base/reasons.ts'
import { derivedFor } from '../../credentials/derived.ts'
import { ExcessQuestion } from '../../issuers/excess-question.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'
import { rolesOf } from '../../policy/roles.ts'
import type { ServicePolicy } from '../../policy/snapshot.ts'
import type { Identified, Limited } from '../exchange.ts'
import type { WaitingPhase } from '../phase.ts'
import { resumed } from '../resumed.ts'
import { authenticateSession } from '../session-credential.ts'
import type { Verdict } from '../steps.ts'
import { recordedParent } from '../trace-context.ts'

/**
 * Turns the credential into token facts: at once when they are known, else after a verification. Denies 401
 * `invalid_token`, the same to the client whatever is wrong; throws `issuer-unreachable` when the keys cannot be had,
 * `introspection-unavailable` when the issuer cannot be asked about the token, `expired-while-waiting` when it expired
 * during that wait.
 */
export const authenticate: WaitingPhase<Limited, Identified> = {
  name: 'authenticate',
  waits: "for a signature check, the issuer's keys, an introspection, or the refresh of a session",
  run(x) {
    if (x.route.requirement === undefined) return undefined
    if (x.session !== undefined) return sessionVerdict(x, authenticateSession(x, x.session))
    const { issuers } = x.runtime.snapshot
    const { introspection } = x.route
    const cause = recordedParent(x)
    const verified = x.gate.verifier.verify(x.credential, issuers, x.nowMs, introspection, cause, x.address)
    return verified instanceof Promise
      ? resumed(x, chargeExcess(x, verified), (late) => proven(x, late))
      : identify(x, verified)
  },
}

/** Charges the address of a question that had no place in the queue of its issuer. */
function chargeExcess<T>(x: Limited, verified: Promise<T>): Promise<T> {
  return verified.catch((error: unknown) => {
    if (error instanceof ExcessQuestion) x.gate.addressLimit.charge(x.address, 'introspection')
    throw error
  })
}

function sessionVerdict(x: Limited, verdict: Verdict | Promise<Verdict>): Verdict | Promise<Verdict> {
  return verdict instanceof Promise ? resumed(x, verdict, (late) => late ?? derive(x)) : (verdict ?? derive(x))
}

/** A verification, or a question to an issuer, was spent. If it failed, the address that sent the token is charged. */
function proven(x: Limited, verified: TokenFacts | TokenReason): Verdict {
  if (typeof verified === 'string') {
    const { addressLimit, verifier } = x.gate
    // A JWT is inactive only by what its issuer says.
    const asked = verified === 'token-inactive' || verifier.isIntrospected(x.credential, x.route.introspection)
    addressLimit.charge(x.address, asked ? 'introspection' : 'verification')
  }
  return identify(x, verified)
}

function identify(x: Limited, verified: TokenFacts | TokenReason): Verdict {
  if (typeof verified === 'string') return x.route.denials.token[verified]
  x.facts = verified
  return derive(x)
}

function derive(x: Limited): undefined {
  x.derived = derivedFor(x.facts!, x.route.service, rolesIn)
}

function rolesIn({ roles }: ServicePolicy, { claims }: TokenFacts): ReadonlySet<string> {
  return rolesOf(roles, claims)
}

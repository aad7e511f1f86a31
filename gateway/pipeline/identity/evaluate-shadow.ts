import { GatewayFault } from '../../base/fault.ts'
import type { Reason } from '../../base/reasons.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'
import { rolesOf } from '../../policy/roles.ts'
import type { Requirement, RequirementInput } from '../../policy/snapshot.ts'
import type { Identified } from '../exchange/exchange.ts'
import { resumed } from '../exchange/resumed.ts'
import { certificateFacts, isAdmittedCertificate } from './certificate-credential.ts'
import { presentedToken } from './presented-token.ts'

/** Result of a shadow requirement: `met`, or the reason for which the requirement would have denied. */
export type ShadowVerdict = NonNullable<Identified['shadow']>

/**
 * Evaluates the route's shadow requirement, if there is one, and stores its result for the record. The shadow
 * requirement never affects the exchange: it does not refuse, delay or throw, and the service does not see it.
 */
export function evaluateShadow(x: Identified): void {
  const { shadow } = x.route
  if (shadow === undefined) return
  try {
    if (x.facts === undefined) evaluateUnauthenticated(x, shadow)
    else x.shadow = verdictOn(x, shadow, x.facts, x)
  } catch (error) {
    x.shadow = reasonOf(error)
  }
}

function verdictOn(x: Identified, shadow: Requirement, facts: TokenFacts, input: RequirementInput): ShadowVerdict {
  const { service, shadowCertificates } = x.route
  if (x.gate.clientCertificates?.issuers.get(facts.issuer.issuer) === facts.issuer) {
    if (!isAdmittedCertificate(x, shadowCertificates)) return 'certificate-not-allowed'
  } else if (!service.issuers.has(facts.issuer)) return 'token-issuer-not-accepted'
  return shadow.evaluate(input)?.reason ?? 'met'
}

/**
 * Evaluates the shadow requirement on a public route, where the token has not been verified. The exchange does not wait
 * for a verification, because a slow issuer would delay public traffic for a requirement that is not in force. If the
 * exchange ends first, its record has no shadow result. An invalid token is charged to the client address as on any
 * other route.
 */
function evaluateUnauthenticated(x: Identified, shadow: Requirement): void {
  const presented = presentedToken(x)
  if (typeof presented === 'string') {
    x.shadow = presented === 'credential-missing' ? verdictOnCertificate(x, shadow) : presented
    return
  }
  const { scheme, token } = presented
  if (scheme !== 'bearer') {
    x.shadow = 'credential-missing'
    return
  }
  const { verifier, addressLimit } = x.gate
  if (addressLimit.exhausted(x.address) && !verifier.knows(token)) {
    x.shadow = 'address-limited'
    return
  }
  const record = (verified: TokenFacts | Reason): void => {
    if (typeof verified === 'string') x.shadow = verified
    else if (verified.confirmation !== undefined) x.shadow = 'token-binding'
    else if (x.gate.revocations?.revoked(verified, token) === true) x.shadow = 'token-revoked'
    else x.shadow = verdictOn(x, shadow, verified, inputOf(x, verified))
  }
  const verified = verifier.verify(token, x.runtime.snapshot.issuers, x.nowMs)
  if (!(verified instanceof Promise)) {
    record(verified)
    return
  }
  resumed(x, verified, (late) => {
    if (typeof late === 'string') addressLimit.charge(x.address)
    record(late)
  }).catch((error: unknown) => {
    x.shadow = reasonOf(error)
  })
}

function verdictOnCertificate(x: Identified, shadow: Requirement): ShadowVerdict {
  if (x.clientCertificate === undefined || x.route.shadowCertificates.length === 0) return 'credential-missing'
  const facts = certificateFacts(x)
  if ('reason' in facts) return facts.reason
  if (x.gate.revocations?.revoked(facts, '') === true) return 'token-revoked'
  return verdictOn(x, shadow, facts, inputOf(x, facts))
}

/**
 * Returns the input of the shadow requirement, with the verified token. The token facts are not set on the exchange:
 * they would be forwarded, and the service would assume that the route requires a token.
 */
function inputOf(x: Identified, token: TokenFacts): RequirementInput {
  const roles = rolesOf(x.route.service.roles, token.claims)
  const { certificate, address, nowMs } = x
  return { token, loginIssuer: undefined, certificate, roles, address, nowMs, field: (name) => x.field(name) }
}

function reasonOf(error: unknown): Reason {
  return error instanceof GatewayFault ? error.reason : 'node-fault'
}

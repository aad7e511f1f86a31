import {
  type CertificateReason,
  type ClientReason,
  certificateReasons,
  type VerificationReason,
  verificationReasons,
} from '../../base/reasons.ts'
import { derivedFor } from '../../credentials/derived.ts'
import { ExcessQuestion } from '../../issuers/excess-question.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'
import { rolesOf } from '../../policy/roles.ts'
import type { ServicePolicy } from '../../policy/snapshot.ts'
import type { Identified, Limited } from '../exchange/exchange.ts'
import { waitingPhase } from '../exchange/phase.ts'
import { resumed } from '../exchange/resumed.ts'
import type { Verdict } from '../exchange/steps.ts'
import { recordedParent } from '../exchange/trace-context.ts'
import { certificateFacts } from '../identity/certificate-credential.ts'
import { authenticateClient } from '../identity/client-credential.ts'
import { authenticateSession } from '../identity/session-credential.ts'

/**
 * Turns the credential into token facts: synchronously from the cache, or else after a verification. Denies 401
 * `invalid_token`; the client sees no difference between the causes. A client id and secret are first exchanged at the
 * issuer for a token: denies 401 when the issuer refuses them, and 403 when it grants no such token. Denies
 * 403 for a certificate without an identity. Throws `issuer-unreachable` when the issuer's keys
 * are unavailable, and `introspection-unavailable` when introspection fails. Throws `expired-while-waiting` when the
 * token expired during the wait for the verification.
 */
export const authenticate = waitingPhase<Limited, Identified>()({
  name: 'authenticate',
  waits: "for a signature check, the issuer's keys, an introspection, or the refresh of a session",
  denies: [
    ...verificationReasons,
    'session-ended',
    'client-refused',
    'client-not-granted',
    ...certificateReasons,
    'certificate-not-allowed',
  ],
  answers: ['login-required'],
  throws: [
    'issuer-unreachable',
    'introspection-unavailable',
    'refresh-unavailable',
    'exchange-misconfigured',
    'store-unavailable',
    'expired-while-waiting',
  ],
  run(x) {
    if (x.route.requirement === undefined) return undefined
    if (x.scheme === 'certificate') return identifyCertificate(x)
    if (x.session !== undefined) return sessionVerdict(x, authenticateSession(x, x.session))
    if (x.client !== undefined) return clientVerdict(x, authenticateClient(x, x.client))
    const { issuers } = x.runtime.snapshot
    const { introspection } = x.route
    const cause = recordedParent(x)
    const verified = x.gate.verifier.verify(x.credential, issuers, x.nowMs, introspection, cause, x.address)
    return verified instanceof Promise
      ? resumed(x, chargeExcess(x, verified), (late) => proven(x, late))
      : identify(x, verified)
  },
})

/** Charges the client address when the token was not introspected because the issuer's introspection queue was full. */
function chargeExcess<T>(x: Limited, verified: Promise<T>): Promise<T> {
  return verified.catch((error: unknown) => {
    if (error instanceof ExcessQuestion) x.gate.addressLimit.charge(x.address, 'introspection')
    throw error
  })
}

function sessionVerdict<V extends Verdict>(
  x: Limited,
  verdict: V | Promise<V>,
): V | undefined | Promise<V | undefined> {
  return verdict instanceof Promise ? resumed(x, verdict, (late) => late ?? derive(x)) : (verdict ?? derive(x))
}

type ClientOutcome = Awaited<ReturnType<typeof authenticateClient>>

function clientVerdict(
  x: Limited,
  outcome: ClientOutcome | Promise<ClientOutcome>,
): Verdict<ClientReason, never> | Promise<Verdict<ClientReason, never>> {
  if (outcome instanceof Promise) return resumed(x, outcome, (late) => clientVerdict(x, late))
  if ('reason' in outcome) return outcome
  x.facts = outcome
  return derive(x)
}

/** Charges the client address when a verification or an introspection found the token invalid. */
function proven(x: Limited, verified: TokenFacts | VerificationReason): Verdict<VerificationReason, never> {
  if (typeof verified === 'string') {
    const { addressLimit, verifier } = x.gate
    // Charge an inactive token as an introspection: only an introspection finds a token inactive, also a JWT.
    const asked = verified === 'token-inactive' || verifier.isIntrospected(x.credential, x.route.introspection)
    addressLimit.charge(x.address, asked ? 'introspection' : 'verification')
  }
  return identify(x, verified)
}

function identify(x: Limited, verified: TokenFacts | VerificationReason): Verdict<VerificationReason, never> {
  if (typeof verified === 'string') return x.route.denials.token[verified]
  x.facts = verified
  return derive(x)
}

function identifyCertificate(x: Limited): Verdict<CertificateReason | 'certificate-not-allowed', never> {
  const found = certificateFacts(x)
  if ('reason' in found) return found
  x.facts = found
  return derive(x)
}

function derive(x: Limited): undefined {
  x.derived = derivedFor(x.facts!, x.route.service, rolesIn)
}

function rolesIn({ roles }: ServicePolicy, { claims }: TokenFacts): ReadonlySet<string> {
  return rolesOf(roles, claims)
}

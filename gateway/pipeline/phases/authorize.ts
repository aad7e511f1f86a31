import type { Denial } from '../../base/denial.ts'
import { type RequirementReason, requirementReasons } from '../../policy/requirements/requirement-kinds.ts'
import { requireLogin } from '../browser/require-login.ts'
import type { Confirmed, Permitted } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import type { Verdict } from '../exchange/steps.ts'
import { certificateNotAllowed, isAdmittedCertificate } from '../identity/certificate-credential.ts'
import { evaluateShadow } from '../identity/evaluate-shadow.ts'

/**
 * Admits a token only if the service accepts its issuer, and a certificate only if the route names it. The route's
 * requirement must be met.
 *
 * Runs on every exchange, also for cached token facts: routes share facts, never decisions (CVE-2021-32701). Denies 401
 * `invalid_token` for an issuer that is not accepted. For an unmet requirement, returns the denial of the requirement,
 * for example 403 `insufficient_scope` or `forbidden`. If another login would meet the requirement, a browser is
 * redirected to the login. Synchronous; allocates nothing. A shadow requirement does not change the verdict.
 */
export const authorize = phase<Confirmed, Permitted>()({
  name: 'authorize',
  waits: false,
  denies: ['credential-missing', 'token-issuer-not-accepted', ...requirementReasons],
  answers: ['login-required'],
  run(x) {
    const verdict = decide(x)
    if (x.route.shadow !== undefined) evaluateShadow(x)
    return verdict
  },
})

type AuthorizeReason = 'credential-missing' | 'token-issuer-not-accepted' | RequirementReason

function decide(x: Confirmed): Verdict<AuthorizeReason, 'login-required'> {
  const { route, facts } = x
  if (route.requirement === undefined) return undefined
  if (facts === undefined) return route.denials.credentialMissing
  if (x.scheme === 'certificate') {
    if (!isAdmittedCertificate(x, route.certificates)) return certificateNotAllowed
  } else if (!route.service.issuers.has(facts.issuer)) return route.denials.token['token-issuer-not-accepted']
  // Assert the type of the denial, which is safe: each kind of requirement lists its reasons.
  const denied = route.requirement.evaluate(x) as Denial<RequirementReason> | undefined
  return denied !== undefined && isResolvedByLogin(denied) ? requireLogin(x, denied) : denied
}

function isResolvedByLogin({ reason, stepUp }: Denial): boolean {
  return stepUp !== undefined || reason === 'session-missing' || reason === 'session-of-other-issuer'
}

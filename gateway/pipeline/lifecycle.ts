import { LifecycleBuilder } from './exchange/lifecycle-builder.ts'
import type { Lifecycle } from './exchange/steps.ts'
import { admit } from './phases/admit.ts'
import { allowOrigin } from './phases/allow-origin.ts'
import { answerCheck } from './phases/answer-check.ts'
import { answerMaxForwards } from './phases/answer-max-forwards.ts'
import { answerPreflight } from './phases/answer-preflight.ts'
import { answerReserved } from './phases/answer-reserved.ts'
import { authenticate } from './phases/authenticate.ts'
import { authorize } from './phases/authorize.ts'
import { checkAddress } from './phases/check-address.ts'
import { checkBody } from './phases/check-body.ts'
import { checkCertificate } from './phases/check-certificate.ts'
import { checkRevocation } from './phases/check-revocation.ts'
import { checkUpgrade } from './phases/check-upgrade.ts'
import { checkValidity, checkValidityOfCheck } from './phases/check-validity.ts'
import { consumeProof } from './phases/consume-proof.ts'
import { continueTrace } from './phases/continue-trace.ts'
import { forward } from './phases/forward.ts'
import { guardRequest } from './phases/guard-request.ts'
import { limitAddress } from './phases/limit-address.ts'
import { limitSubject } from './phases/limit-subject.ts'
import { matchRoute } from './phases/match-route.ts'
import { obtainCredential } from './phases/obtain-credential.ts'
import { provePossession } from './phases/prove-possession.ts'
import { readCheck } from './phases/read-check.ts'
import { readCredential } from './phases/read-credential.ts'
import { reserveAudit } from './phases/reserve-audit.ts'
import { resolveClient } from './phases/resolve-client.ts'
import { sampleTrace } from './phases/sample-trace.ts'
import { selectUpstream } from './phases/select-upstream.ts'
import { settle } from './phases/settle.ts'
import { shapeRequest } from './phases/shape-request.ts'
import { shapeResponse } from './phases/shape-response.ts'

/** The phases of an exchange, in order. A wrong order does not compile. */
export const lifecycle: Lifecycle = LifecycleBuilder.begin()
  .next(guardRequest)
  .next(resolveClient)
  .next(checkCertificate)
  .next(answerReserved)
  .next(answerPreflight)
  .next(matchRoute)
  .next(allowOrigin)
  .next(continueTrace)
  .next(checkUpgrade)
  .next(checkBody)
  .next(checkAddress)
  .next(readCredential)
  .next(admit)
  .next(limitAddress)
  .next(authenticate)
  .next(checkRevocation)
  .next(provePossession)
  .next(authorize)
  .next(consumeProof)
  .next(limitSubject)
  .next(sampleTrace)
  .next(reserveAudit)
  .next(answerMaxForwards)
  .next(obtainCredential)
  .next(selectUpstream)
  .next(shapeRequest)
  .next(checkValidity)
  .next(forward)
  .end([shapeResponse], settle)

/**
 * The phases of a forward-auth check, in order. The gate makes the same decision as for an exchange. The proxy that
 * requested the check forwards the request.
 */
export const checkLifecycle: Lifecycle = LifecycleBuilder.begin()
  .next(guardRequest)
  .next(resolveClient)
  .next(checkCertificate)
  .next(readCheck)
  .next(matchRoute)
  .next(allowOrigin)
  .next(continueTrace)
  .next(checkUpgrade)
  .next(checkBody)
  .next(checkAddress)
  .next(readCredential)
  .next(admit)
  .next(limitAddress)
  .next(authenticate)
  .next(checkRevocation)
  .next(provePossession)
  .next(authorize)
  .next(consumeProof)
  .next(limitSubject)
  .next(sampleTrace)
  .next(reserveAudit)
  .next(obtainCredential)
  .next(checkValidityOfCheck)
  .next(answerCheck)
  .end([], settle)

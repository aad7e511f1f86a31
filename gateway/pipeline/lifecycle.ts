import { LifecycleBuilder } from './phase.ts'
import { answerReserved } from './phases/answer-reserved.ts'
import { authenticate } from './phases/authenticate.ts'
import { authorize } from './phases/authorize.ts'
import { checkAddress } from './phases/check-address.ts'
import { checkBody } from './phases/check-body.ts'
import { checkRevocation } from './phases/check-revocation.ts'
import { forward } from './phases/forward.ts'
import { guardRequest } from './phases/guard-request.ts'
import { limitAddress } from './phases/limit-address.ts'
import { limitSubject } from './phases/limit-subject.ts'
import { matchRoute } from './phases/match-route.ts'
import { readCredential } from './phases/read-credential.ts'
import { reserveAudit } from './phases/reserve-audit.ts'
import { resolveClient } from './phases/resolve-client.ts'
import { selectUpstream } from './phases/select-upstream.ts'
import { settle } from './phases/settle.ts'
import { shapeRequest } from './phases/shape-request.ts'
import { shapeResponse } from './phases/shape-response.ts'
import type { Lifecycle } from './steps.ts'

/** The life of an exchange: this list and nothing else. The compiler refuses another order. */
export const lifecycle: Lifecycle = LifecycleBuilder.begin()
  .next(guardRequest)
  .next(resolveClient)
  .next(answerReserved)
  .next(matchRoute)
  .next(checkBody)
  .next(checkAddress)
  .next(readCredential)
  .next(limitAddress)
  .next(authenticate)
  .next(checkRevocation)
  .next(authorize)
  .next(limitSubject)
  .next(selectUpstream)
  .next(shapeRequest)
  .next(reserveAudit)
  .next(forward)
  .end([shapeResponse], settle)

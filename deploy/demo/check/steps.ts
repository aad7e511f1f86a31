import { accessSteps } from './access-steps.ts'
import { clusterSteps } from './cluster-steps.ts'
import { grpcSteps } from './grpc-steps.ts'
import { loginSteps } from './login-steps.ts'
import { ownServiceSteps } from './own-service-steps.ts'
import { policySteps } from './policy-steps.ts'
import { recordSteps } from './record-steps.ts'
import type { CheckStep } from './step.ts'
import { streamSteps } from './stream-steps.ts'
import { tokenSteps } from './token-steps.ts'

/**
 * All steps of `gatehouse demo --check`. The steps about access logs and audit records come last, because they look for
 * the requests of the other steps.
 */
export const checkSteps: readonly CheckStep[] = [
  ...accessSteps,
  ...tokenSteps,
  ...loginSteps,
  ...clusterSteps,
  ...streamSteps,
  ...grpcSteps,
  ...ownServiceSteps,
  ...policySteps,
  ...recordSteps,
]

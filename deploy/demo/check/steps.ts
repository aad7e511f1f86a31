import { accessSteps } from './access-steps.ts'
import { loginSteps } from './login-steps.ts'
import { operateSteps } from './operate-steps.ts'
import type { CheckStep } from './step.ts'
import { streamSteps } from './stream-steps.ts'

/**
 * All steps of `gatehouse demo --check`. The step about the audit log must be the last, because it looks for the
 * requests of all other steps.
 */
export const checkSteps: readonly CheckStep[] = [...accessSteps, ...loginSteps, ...streamSteps, ...operateSteps]

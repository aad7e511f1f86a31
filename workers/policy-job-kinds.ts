import { grantJobs } from './open-grant-renewals.ts'
import { introspectionJobs } from './open-introspections.ts'
import { refreshJobs } from './open-session-refreshes.ts'
import type { PolicyJobKind } from './policy-jobs.ts'

/** All kinds of jobs whose queues depend on the policy. */
export const policyJobKinds: readonly PolicyJobKind[] = [introspectionJobs, refreshJobs, grantJobs]

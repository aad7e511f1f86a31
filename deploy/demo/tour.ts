import { administration, counting } from './tour-admin.ts'
import { admissions } from './tour-admissions.ts'
import { audits } from './tour-audit.ts'
import { endings } from './tour-endings.ts'
import { forgeries } from './tour-forgeries.ts'
import { introspections } from './tour-introspections.ts'
import { limitSteps } from './tour-limits.ts'
import { logins } from './tour-logins.ts'
import { refusals } from './tour-refusals.ts'
import { revocations } from './tour-revocations.ts'
import type { TourStep } from './tour-step.ts'
import { traces } from './tour-traces.ts'

/** What the demo promises, in the order of the tour: refusals first, then admissions, then what takes its time. */
export const tour: readonly TourStep[] = [
  ...refusals,
  ...forgeries,
  ...admissions,
  ...administration,
  ...traces,
  ...revocations,
  ...logins,
  ...limitSteps,
  ...introspections,
  ...endings,
  ...audits,
  counting,
]

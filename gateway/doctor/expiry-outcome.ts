import { failedCheck, type Outcome, ok } from './finding.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Time before the end of a certificate from which a check fails, ms: 7 days, the default of `gatehouse expiry`. */
const SOON_MS = 7 * DAY_MS

/** Returns the outcome of the check of a certificate or secret that ends at this time, ms since the epoch. */
export function expiryOutcome(what: string, endsAtMs: number, remedy: string, nowMs = Date.now()): Outcome {
  const until = new Date(endsAtMs).toISOString()
  const leftMs = endsAtMs - nowMs
  if (leftMs <= 0) return failedCheck(`${what} has expired (${until})`, remedy)
  if (leftMs <= SOON_MS) return failedCheck(`${what} ends in less than 7 days (${until})`, remedy)
  return ok(`${what} is valid until ${until}`)
}

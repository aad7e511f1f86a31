import { durationForm, parseDuration } from '../base/duration.ts'
import { CliError, exitCodes } from './output.ts'

/**
 * Parses the value of a time flag of an `audit` verb: RFC 3339, or a duration before now, such as 15m.
 *
 * @returns time in RFC 3339, as the admin API expects it; `undefined` when `written` is `undefined`
 */
export function timeOf(written: string | undefined, flag: string): string | undefined {
  if (written === undefined) return undefined
  const agoMs = parseDuration(written)
  const atMs = agoMs === undefined ? Date.parse(/^\d{4}-\d\d-\d\dT/.test(written) ? written : '') : Date.now() - agoMs
  if (!Number.isNaN(atMs)) return new Date(atMs).toISOString()
  throw new CliError(
    exitCodes.usage,
    'GH_USAGE',
    `${flag} must be a time such as 2030-01-31T12:00:00Z, or ${durationForm}`,
  )
}

import { adminUnreachable } from './admin-client.ts'
import { exitCodes } from './output.ts'

/** Formats for people the values that identify a rate limit window, such as `subject=alice`. */
export function bucketText(bucket: Readonly<Record<string, unknown>>): string {
  return Object.entries(bucket)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}

/** Meanings of the exit codes of the `limits` verbs. */
export const limitExitCodes = {
  [exitCodes.invalid]: 'refused: unknown limit, incomplete window, invalid token or missing scope',
  ...adminUnreachable,
} as const

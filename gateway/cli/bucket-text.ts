import { adminUnreachable } from './admin-client.ts'
import { exitCodes } from './output.ts'

/** Formats the key of a rate limit window for people. */
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

import { z } from 'zod'
import { text } from '../config/text-schemas.ts'

/** Schema of the path of a claim as text: 1 to 16 names joined by dots. */
export const dottedClaim = text(
  'a claim path such as realm_access.roles',
  /^[^.\x00-\x1f\x7f]+(?:\.[^.\x00-\x1f\x7f]+){0,15}$/,
)

/**
 * Schema of the path of a claim: names joined by dots, or a list of names when a name contains a dot. The parsed value
 * is always the list.
 */
export const claimPath = z.union([
  dottedClaim.transform((path): readonly string[] => path.split('.')),
  z
    .array(text('the name of a claim', /^[^\x00-\x1f\x7f]{1,256}$/))
    .min(1)
    .max(16)
    .readonly(),
])

/** Formats the path of a claim as a policy states it: names joined by dots, or a list when a name contains a dot. */
export function printClaimPath(path: readonly string[]): string | readonly string[] {
  return path.some((name) => name.includes('.')) ? path : path.join('.')
}

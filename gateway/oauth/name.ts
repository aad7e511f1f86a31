import { type JsonObject, member } from './json.ts'

/**
 * Maximum length of a name (an id of a subject, client, token or session), in characters. A token has at most 8 KiB by
 * default, so its claims are shorter.
 */
export const NAME_MAX = 8192

/**
 * Whether a value can identify a subject, client, token or session: a non-empty text without control characters. A
 * token whose identity is invalid could not be revoked, so it must be rejected. A text with a lone surrogate has no
 * UTF-8 form, and could become equal to another name in a Redis key, a hash or a header.
 */
export function isName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= NAME_MAX &&
    value.isWellFormed() &&
    !/\p{Cc}/u.test(value)
  )
}

/**
 * Reads a claim that names a subject, client, token or session. Returns `undefined` when the claim is absent and `null`
 * when the claim is malformed.
 */
export function readName(claims: JsonObject, name: string): string | undefined | null {
  const value = member(claims, name)
  if (value === undefined) return undefined
  return isName(value) ? value : null
}

import { type JsonObject, member } from './json.ts'

/** In characters. The longest token has 8 KiB as a rule, so no claim is longer. */
export const NAME_MAX = 8192

/**
 * Whether a value can name someone or something: a text without control characters. What names nobody that could be
 * revoked must not be let in. A text with half a surrogate pair has no UTF-8 form of its own, and so could become another
 * one's name on its way to a key, a hash or a header.
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

/** A claim that names someone or something. `null`: malformed. */
export function readName(claims: JsonObject, name: string): string | undefined | null {
  const value = member(claims, name)
  if (value === undefined) return undefined
  return isName(value) ? value : null
}

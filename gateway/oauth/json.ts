export type JsonObject = Readonly<Record<string, unknown>>

export type JsonFlaw = 'token-malformed' | 'token-duplicate-member'

/** Access tokens nest a few levels (`realm_access.roles`); more is an attack on whoever walks them. */
const maxDepth = 32

/**
 * Reads a JSON object as `JSON.parse` does, but refuses nesting deeper than 32, and a member that occurs twice in one
 * object, at any level and however its name is escaped (RFC 7515 §4, RFC 7519 §4). Linear in the length of the text.
 */
export function readJsonObject(text: string): JsonObject | JsonFlaw {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'token-malformed'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'token-malformed'
  const named = countNames(text)
  if (named === undefined) return 'token-malformed'
  // Of members with one name only the last is in the value: the others are missing in the count.
  return named === countMembers(value) ? (value as JsonObject) : 'token-duplicate-member'
}

/** An own member; `undefined` when there is none, so that `__proto__` and `constructor` are names like any other. */
export function member(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

const QUOTE = 0x22
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Names of members in a text that is known to be JSON, where only structure and strings need to be told apart; `undefined`
 * when it nests too deep.
 */
function countNames(text: string): number | undefined {
  let depth = 0
  let names = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        if (++depth > maxDepth) return undefined
        break
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        depth--
        break
      case COLON:
        names++
        break
      case QUOTE:
        i = endOfString(text, i)
    }
  }
  return names
}

/** Index of the quote that closes the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}

/** At all levels; not deeper than what `countNames` has let pass. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const items = Object.values(value)
  let members = Array.isArray(value) ? 0 : items.length
  for (const item of items) members += countMembers(item)
  return members
}

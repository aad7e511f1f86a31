export type JsonObject = Readonly<Record<string, unknown>>

export type JsonFlaw = 'token-malformed' | 'token-duplicate-member'

/**
 * Maximum nesting depth of a JSON document. Access tokens nest a few levels (`realm_access.roles`); deeper nesting
 * could exhaust the stack of recursive code.
 */
const maxDepth = 32

/**
 * Parses a JSON object like `JSON.parse`, but rejects nesting deeper than 32. Also rejects duplicate members in one
 * object, at any level and in any escaped spelling (RFC 7515 §4, RFC 7519 §4). The running time is linear in the length
 * of the text.
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
  // Compare the counts of member names: `JSON.parse` keeps only the last of several members with one name, so a
  // duplicate makes the counts differ.
  return named === countMembers(value) ? (value as JsonObject) : 'token-duplicate-member'
}

/**
 * Returns the value of an own member of an object; `undefined` when the member is absent. Names such as `__proto__` and
 * `constructor` are ordinary names.
 */
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
 * Counts the member names in a valid JSON text. Only structural characters and strings need to be distinguished.
 * Returns `undefined` when the nesting is too deep.
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

/** Returns the index of the closing quote of the JSON string that starts at `start`. */
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

/**
 * Counts the members of a JSON value at all levels. The recursion cannot exhaust the stack, because `countNames` has
 * limited the depth.
 */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const items = Object.values(value)
  let members = Array.isArray(value) ? 0 : items.length
  for (const item of items) members += countMembers(item)
  return members
}

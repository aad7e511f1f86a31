export type JsonObject = Readonly<Record<string, unknown>>

export type JsonFlaw = 'token-malformed' | 'token-duplicate-member'

/** Access tokens nest a few levels (`realm_access.roles`); more is an attack on whoever walks them. */
const maxDepth = 32

/**
 * Reads a JSON object as `JSON.parse` does, but refuses a member that occurs twice in one object, at any level and
 * however its name is escaped (RFC 7515 §4, RFC 7519 §4), and nesting deeper than 32. Linear in the length of the text.
 */
export function readJsonObject(text: string): JsonObject | JsonFlaw {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'token-malformed'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'token-malformed'
  return flawOf(text) ?? (value as JsonObject)
}

/** An own member; `undefined` when there is none, so that `__proto__` and `constructor` are names like any other. */
export function member(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** Walks a text that is known to be JSON: only structure and strings need to be told apart. */
function flawOf(text: string): JsonFlaw | undefined {
  /** Names seen in each object that is open; `undefined` for an array. */
  const open: (Set<string> | undefined)[] = []
  let nameNext = false
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '{':
      case '[':
        nameNext = text[i] === '{'
        if (open.push(nameNext ? new Set() : undefined) > maxDepth) return 'token-malformed'
        break
      case '}':
      case ']':
        open.pop()
        break
      case ',':
        nameNext = open.at(-1) !== undefined
        break
      case '"': {
        const end = endOfString(text, i)
        if (nameNext) {
          const names = open.at(-1) as Set<string>
          const name = JSON.parse(text.slice(i, end + 1)) as string
          if (names.has(name)) return 'token-duplicate-member'
          names.add(name)
          nameNext = false
        }
        i = end
      }
    }
  }
  return undefined
}

/** Index of the quote that closes the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i
}

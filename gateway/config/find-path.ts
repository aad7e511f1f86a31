import type { DocumentPath } from './problem.ts'

/**
 * Finds the entry of a document that a formatted path such as `services.orders.routes[0].match` names. Names may contain
 * dots, so the keys of the document decide where a name ends.
 *
 * @returns the path of the entry, or of its nearest parent when the entry is absent
 */
export function findPath(document: unknown, formatted: string): DocumentPath {
  const path: (string | number)[] = []
  let value = document
  let rest = formatted
  while (rest !== '') {
    const part = nextPart(value, rest)
    if (part === undefined) return path
    path.push(part.key)
    rest = part.rest
    value = (value as Record<string | number, unknown>)[part.key]
  }
  return path
}

function nextPart(value: unknown, text: string): { readonly key: string | number; readonly rest: string } | undefined {
  const position = /^\[(\d+)\]\.?/.exec(text)
  if (position !== null) {
    const key = Number(position[1])
    return Array.isArray(value) && key < value.length ? { key, rest: text.slice(position[0].length) } : undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const named = Object.keys(value).filter((key) => new Set(['', '.', '[']).has(text.slice(key.length, key.length + 1)))
  const key = named.filter((each) => text.startsWith(each)).sort((a, b) => b.length - a.length)[0]
  return key === undefined ? undefined : { key, rest: text.slice(key.length).replace(/^\./, '') }
}

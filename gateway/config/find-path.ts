import type { DocumentPath } from './problem.ts'

/**
 * Parses a formatted path such as `services.orders.routes[0].match`. A key may contain dots, so the keys that exist in
 * the document decide where a key ends. An item of a list may also be named by its `id` or `name`:
 * `services.orders.routes[orders.read]`.
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
  const item = /^\[([^\]]+)\]\.?/.exec(text)
  if (item !== null) {
    const key = Array.isArray(value) ? itemAt(value, item[1]!) : undefined
    return key === undefined ? undefined : { key, rest: text.slice(item[0].length) }
  }
  if (typeof value !== 'object' || value === null) return undefined
  const named = Object.keys(value).filter((key) => new Set(['', '.', '[']).has(text.slice(key.length, key.length + 1)))
  const key = named.filter((each) => text.startsWith(each)).sort((a, b) => b.length - a.length)[0]
  return key === undefined ? undefined : { key, rest: text.slice(key.length).replace(/^\./, '') }
}

function itemAt(items: readonly unknown[], text: string): number | undefined {
  if (/^\d+$/.test(text) && Number(text) < items.length) return Number(text)
  const named = items.findIndex((item) => {
    if (typeof item !== 'object' || item === null) return false
    return ('id' in item && item.id === text) || ('name' in item && item.name === text)
  })
  return named === -1 ? undefined : named
}

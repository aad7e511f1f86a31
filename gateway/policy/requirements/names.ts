import type { NamedSet } from './requirement-entry.ts'

/** Whether `held` contains every name of `all`, and one of `any` if that is set. Allocates nothing. */
export function containsNames(held: ReadonlySet<string>, { all, any }: NamedSet): boolean {
  if (all !== undefined) {
    for (const name of all) if (!held.has(name)) return false
  }
  if (any === undefined) return true
  for (const name of any) if (held.has(name)) return true
  return false
}

/** All names, without duplicates. */
export function namesIn({ all = [], any = [] }: NamedSet): string[] {
  return [...new Set([...all, ...any])]
}

interface Lists<T> {
  readonly all?: readonly T[] | undefined
  readonly any?: readonly T[] | undefined
}

/** Formats the lists for `explain`: `all: a, b; any: c, d`. */
export function formatLists<T extends string | number | boolean>(
  { all, any }: Lists<T>,
  format: (value: T) => string = String,
): string {
  return joined({ all: all?.map(format), any: any?.map(format) })
}

/** Formats lists as `key: a, b; other: c`. Unset lists are omitted. */
export function joined(lists: Readonly<Record<string, readonly string[] | undefined>>): string {
  const set = Object.entries(lists).filter(([, values]) => values !== undefined)
  return set.map(([key, values]) => `${key}: ${values!.join(', ')}`).join('; ')
}

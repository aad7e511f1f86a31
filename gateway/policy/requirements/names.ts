import type { NamedSet } from '../../config/requirement-entry.ts'

/** Whether `held` has all of `all`, and one of `any` where that is set. Allocates nothing. */
export function holds(held: ReadonlySet<string>, { all, any }: NamedSet): boolean {
  if (all !== undefined) {
    for (const name of all) if (!held.has(name)) return false
  }
  if (any === undefined) return true
  for (const name of any) if (held.has(name)) return true
  return false
}

/** Every name, once. */
export function namesIn({ all = [], any = [] }: NamedSet): string[] {
  return [...new Set([...all, ...any])]
}

/** The names as `explain` states them: `a, b and one of c, d`. */
export function formatNames({ all, any }: NamedSet): string {
  const parts = []
  if (all !== undefined) parts.push(all.join(', '))
  if (any !== undefined) parts.push(any.length === 1 ? any[0] : `one of ${any.join(', ')}`)
  return parts.join(' and ')
}

import { z } from 'zod'
import { conditionText } from './requirement-kind.ts'

/** Schema of names of which a request needs all, or at least one. When both lists are set, both apply. */
export function namedSet(name: z.ZodType<string>) {
  return z
    .strictObject({
      all: z.array(name).min(1).optional().describe('The request needs every one of these.'),
      any: z.array(name).min(1).optional().describe('The request needs at least one of these.'),
    })
    .refine(({ all, any }) => all !== undefined || any !== undefined, {
      error: 'must state a condition: names under all or any',
      params: { code: 'GH_POLICY_REQUIREMENT' },
    })
}

export type NamedSet = z.output<ReturnType<typeof namedSet>>

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

/**
 * Conditions of a set: each name of `all` by itself, and `any` as a whole.
 *
 * @param kind  distinguishes names that mean different things
 */
export function conditionsOfNames(kind: string, { all = [], any }: NamedSet): readonly string[] {
  const one = any === undefined ? [] : [conditionText(`any ${kind}`, any.toSorted())]
  return [...all.map((name) => conditionText(kind, name)), ...one]
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
  return formatNamedLists({ all: all?.map(format), any: any?.map(format) })
}

/** Formats lists as `key: a, b; other: c`. Unset lists are omitted. */
export function formatNamedLists(lists: Readonly<Record<string, readonly string[] | undefined>>): string {
  const set = Object.entries(lists).filter(([, values]) => values !== undefined)
  return set.map(([key, values]) => `${key}: ${values!.join(', ')}`).join('; ')
}

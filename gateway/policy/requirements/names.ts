import { z } from 'zod'
import { conditionText } from './requirement-kind.ts'

/**
 * Schema of the lists `all` and `any`: a request needs every name of `all`, and at least one name of `any`. At least
 * one list is set.
 */
export function namedSet(name: z.ZodType<string>) {
  return z
    .strictObject(
      {
        all: z.array(name).min(1).optional().describe('Names that the request must have, all of them.'),
        any: z.array(name).min(1).optional().describe('Names of which the request must have at least one.'),
      },
      { error: ({ code, input }) => (code === 'invalid_type' ? listsError(input) : undefined) },
    )
    .refine(({ all, any }) => all !== undefined || any !== undefined, {
      error: 'must state a condition: names under all or any',
      params: { code: 'GH_POLICY_REQUIREMENT' },
    })
}

/** Error message for names without `all` or `any`. Names of a usual form are quoted in the correct form. */
function listsError(input: unknown): string {
  const given: readonly unknown[] = Array.isArray(input) ? input : [input]
  const isUsual = given.length > 0 && given.every((each) => typeof each === 'string' && /^[\w:./-]{1,40}$/.test(each))
  const names = isUsual && given.length <= 5 ? given.join(', ') : 'NAME'
  return `must be { all: [${names}] } for all of the names, or { any: [${names}] } for one of them`
}

export type NamedSet = z.output<ReturnType<typeof namedSet>>

/**
 * Whether the names that a caller has contain every name of `all`, and at least one name of `any` if `any` is set.
 * Allocates nothing.
 */
export function containsNames(held: ReadonlySet<string>, { all, any }: NamedSet): boolean {
  if (all !== undefined) {
    for (const name of all) if (!held.has(name)) return false
  }
  if (any === undefined) return true
  for (const name of any) if (held.has(name)) return true
  return false
}

/** Returns all names of a requirement's lists `all` and `any`, without duplicates. */
export function namesIn({ all = [], any = [] }: NamedSet): string[] {
  return [...new Set([...all, ...any])]
}

/**
 * Returns the conditions that the lists `all` and `any` state: one text for each name of `all`, and one text for `any`
 * as a whole.
 *
 * @param kind  kind of the names, such as `scopes`; it distinguishes a scope from a role of the same name
 */
export function conditionsOfNames(kind: string, { all = [], any }: NamedSet): readonly string[] {
  const one = any === undefined ? [] : [conditionText(`any ${kind}`, any.toSorted())]
  return [...all.map((name) => conditionText(kind, name)), ...one]
}

interface Lists<T> {
  readonly all?: readonly T[] | undefined
  readonly any?: readonly T[] | undefined
}

/** Formats the lists `all` and `any` for `gatehouse explain`: `all: a, b; any: c, d`. */
export function formatLists<T extends string | number | boolean>(
  { all, any }: Lists<T>,
  format: (value: T) => string = String,
): string {
  return formatNamedLists({ all: all?.map(format), any: any?.map(format) })
}

/** Formats named lists of a requirement as `key: a, b; other: c`. Unset lists are omitted. */
export function formatNamedLists(lists: Readonly<Record<string, readonly string[] | undefined>>): string {
  const set = Object.entries(lists).filter(([, values]) => values !== undefined)
  return set.map(([key, values]) => `${key}: ${values!.join(', ')}`).join('; ')
}

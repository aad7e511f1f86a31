import { isDeepStrictEqual } from 'node:util'

/**
 * Compares two values, including all nested values. @throws {Error} with the expected and the actual value when they
 * differ
 */
export function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return
  throw new Error(`${what}: expected ${shown(expected)}, got ${shown(actual)}`)
}

/**
 * Requires that `holds` is true.
 *
 * @throws {Error} with the expectation `what` as message
 */
export function expectTrue(what: string, holds: boolean): asserts holds {
  if (!holds) throw new Error(`expected ${what}`)
}

const maxShown = 300

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value))
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text
}

import { isDeepStrictEqual } from 'node:util'

/** @throws {Error} naming the expected and the actual value */
export function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return
  throw new Error(`${what}: expected ${shown(expected)}, got ${shown(actual)}`)
}

/** @throws {Error} naming the expectation */
export function expectTrue(what: string, holds: boolean): asserts holds {
  if (!holds) throw new Error(`expected ${what}`)
}

const maxShown = 300

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value))
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text
}

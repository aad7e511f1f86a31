import { isDeepStrictEqual } from 'node:util'

/** @throws {Error} naming what was expected and what came */
export function expectEqual(what: string, came: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(came, expected)) throw new Error(`${what}: expected ${shown(expected)}, came ${shown(came)}`)
}

/** @throws {Error} naming what was expected */
export function expectTrue(what: string, holds: boolean): asserts holds {
  if (!holds) throw new Error(`expected ${what}`)
}

const maxShown = 300

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value))
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text
}

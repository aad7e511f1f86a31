const form = /^(0|[1-9][0-9]{0,8})(B|KiB|MiB|GiB)$/

const unitBytes = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

/** Source text of the regular expression of a size. */
export const sizePattern = form.source

/** Description of the expected form of a size, for error messages. */
export const sizeForm = 'a size such as 512B, 64KiB, 1MiB or 1GiB'

/**
 * Parses a size of one number and one unit. Returns bytes, or `undefined` for any other text. The units KB and MB are
 * rejected as ambiguous.
 */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = form.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * unitBytes[unit as keyof typeof unitBytes]
}

/** Formats a size in bytes with the largest unit that gives a whole number. */
export function formatSize(bytes: number): string {
  const units = Object.entries(unitBytes).reverse()
  const [unit, size] = units.find(([, size]) => bytes >= size && bytes % size === 0) ?? ['B', 1]
  return `${bytes / size}${unit}`
}

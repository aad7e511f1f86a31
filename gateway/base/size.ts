const form = /^(0|[1-9][0-9]{0,8})(B|KiB|MiB|GiB)$/

const unitBytes = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

/** A regular expression of the form, as text. */
export const sizePattern = form.source

/** What operators are told when a size cannot be read. */
export const sizeForm = 'a size such as 512B, 64KiB, 1MiB or 1GiB'

/** Reads one number with one unit, in bytes; `undefined` for anything else. KB and MB mean two things. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = form.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * unitBytes[unit as keyof typeof unitBytes]
}

/** A size in bytes as an operator would write it: in the largest unit that leaves a whole number. */
export function formatSize(bytes: number): string {
  const units = Object.entries(unitBytes).reverse()
  const [unit, size] = units.find(([, size]) => bytes >= size && bytes % size === 0) ?? ['B', 1]
  return `${bytes / size}${unit}`
}

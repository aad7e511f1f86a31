const form = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Source text of the regular expression of a duration. */
export const durationPattern = form.source

/** Description of the expected form of a duration, for error messages. */
export const durationForm = 'a duration such as 500ms, 30s, 5m, 2h or 7d'

/**
 * Parses a duration of one number and one unit. Returns ms, or `undefined` for any other text, including a number
 * without a unit.
 */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = form.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * unitMs[unit as keyof typeof unitMs]
}

/** Formats a duration in ms with the largest unit that gives a whole number. */
export function formatDuration(ms: number): string {
  const units = Object.entries(unitMs).reverse()
  const [unit, size] = units.find(([, size]) => ms >= size && ms % size === 0) ?? ['s', 1000]
  return `${ms / size}${unit}`
}

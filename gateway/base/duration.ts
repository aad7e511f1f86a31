const form = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A regular expression of the form, as text. */
export const durationPattern = form.source

/** What operators are told when a duration cannot be read. */
export const durationForm = 'a duration such as 500ms, 30s, 5m, 2h or 7d'

/** Reads one number with one unit, in ms; `undefined` for anything else, a number without a unit included. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = form.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * unitMs[unit as keyof typeof unitMs]
}

/** A duration in ms as an operator would write it: in the largest unit that leaves a whole number. */
export function formatDuration(ms: number): string {
  const units = Object.entries(unitMs).reverse()
  const [unit, size] = units.find(([, size]) => ms >= size && ms % size === 0) ?? ['s', 1000]
  return `${ms / size}${unit}`
}

/** Median, lowest and highest of the values of all rounds. Every benchmark figure has this form. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Returns median, lowest and highest value. @param values  at least one value */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** Returns a figure for a value that was measured only once. */
export function single(value: number): Spread {
  return { median: value, min: value, max: value }
}

/** Returns the ratio `a / b` for each round. The arrays have one value per round. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, round) => value / b[round]!)
}

/**
 * Returns the smallest value that is not exceeded by the given share of the values.
 *
 * @param sorted  values in ascending order, at least one
 * @param share  0 to 1; 0.99 gives the 99th percentile
 */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}

/** Formats a number with three significant digits. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return String(Math.round(value))
  if (Math.abs(value) < 0.0005) return '0'
  return value.toFixed(Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 3)
}

/**
 * Formats the values of all rounds as median, lowest and highest.
 *
 * @param unit  `×` for the ratio of two contenders: if its rounds lie on both sides of 1, the run shows no difference, and
 *   the median is not printed
 */
export function formatSpread({ median, min, max }: Spread, unit = ''): string {
  if (min === max) return formatNumber(median)
  if (unit === '×' && min < 1 && max > 1) return `not shown (${formatNumber(min)}–${formatNumber(max)})`
  return `${formatNumber(median)} (${formatNumber(min)}–${formatNumber(max)})`
}

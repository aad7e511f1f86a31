/** Median, lowest and highest value: the form of every figure in the suite. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** @param values  at least one */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** A value that was measured once. */
export function single(value: number): Spread {
  return { median: value, min: value, max: value }
}

/** `a` divided by `b` in each round. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, round) => value / b[round]!)
}

/**
 * The smallest value that at least this share of all values does not exceed.
 *
 * @param sorted  ascending, at least one
 * @param share  0 to 1
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

export function formatSpread({ median, min, max }: Spread): string {
  if (min === max) return formatNumber(median)
  return `${formatNumber(median)} (${formatNumber(min)}–${formatNumber(max)})`
}

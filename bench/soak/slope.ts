/** A sample of a measured figure of a soak: its time and its value. */
export interface SamplePoint {
  readonly atS: number
  readonly value: number
}

/** Trend of a figure, with its 95 % confidence interval. */
export interface Slope {
  readonly perHour: number
  readonly low: number
  readonly high: number
  /** Means of the samples in the first and in the last block (see {@link slopeOf}). */
  readonly first: number
  readonly last: number
}

/**
 * Maximum number of blocks. With 12 blocks in half an hour, the interval contains the slope of samples that depend on each
 * other for a minute or two in 87 % of the series only; with 6 blocks in 94 %.
 */
const BLOCKS_MAX = 6
const BLOCKS_MIN = 3
/** 97.5 % quantiles of Student's t distribution, for 1 to 4 degrees of freedom. */
const T_QUANTILES = [12.706, 4.303, 3.182, 2.776]

/**
 * Fits a line by least squares. Successive samples depend on each other, such as the resident memory between two garbage
 * collections, and a fit to single samples would state a confidence interval that is much too narrow. Therefore fits the
 * line to the means of up to 6 blocks of successive samples (batch means): minutes apart, they are nearly independent.
 *
 * @param points  samples in the order of their time, at least 6
 * @returns `undefined` with fewer samples
 */
export function slopeOf(points: readonly SamplePoint[]): Slope | undefined {
  const count = Math.min(BLOCKS_MAX, Math.floor(points.length / 2))
  if (count < BLOCKS_MIN) return undefined
  const blocks = Array.from({ length: count }, (_, i) => {
    const own = points.slice(Math.floor((i * points.length) / count), Math.floor(((i + 1) * points.length) / count))
    return { atHours: mean(own.map(({ atS }) => atS)) / 3600, value: mean(own.map(({ value }) => value)) }
  })
  const atMean = mean(blocks.map(({ atHours }) => atHours))
  const valueMean = mean(blocks.map(({ value }) => value))
  const square = sum(blocks.map(({ atHours }) => (atHours - atMean) ** 2))
  const perHour = sum(blocks.map(({ atHours, value }) => (atHours - atMean) * (value - valueMean))) / square
  const residues = sum(blocks.map(({ atHours, value }) => (value - valueMean - perHour * (atHours - atMean)) ** 2))
  const margin = T_QUANTILES[count - 3]! * Math.sqrt(residues / (count - 2) / square)
  return {
    perHour,
    low: perHour - margin,
    high: perHour + margin,
    first: blocks[0]!.value,
    last: blocks.at(-1)!.value,
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

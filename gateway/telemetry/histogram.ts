/**
 * Counts values by size. An observation is a few comparisons and two stores: it allocates nothing.
 *
 * Bounds are inclusive (`le`), ascending, and in the unit of the instrument, as Prometheus has them.
 */
export class Histogram {
  readonly bounds: readonly number[]
  /** One a bound, not cumulative, and one for what is larger than all of them. */
  readonly counts: Float64Array
  /** In an array, since a number that is a field of its own is a new object with each change. */
  readonly #sum = new Float64Array(1)

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  get sum(): number {
    return this.#sum[0]!
  }

  get count(): number {
    return this.counts.reduce((total, count) => total + count, 0)
  }

  observe(value: number): void {
    const { bounds, counts } = this
    let i = 0
    while (i < bounds.length && value > bounds[i]!) i++
    counts[i]!++
    this.#sum[0]! += value
  }
}

/**
 * Histogram with fixed buckets. An observation costs a few comparisons and two memory writes, and allocates nothing.
 *
 * Bounds are inclusive (`le`), ascending, and in the unit of the instrument, as in Prometheus.
 */
export class Histogram {
  readonly bounds: readonly number[]
  /** Number of observations in each bucket, not cumulative; the last element counts observations above all bounds. */
  readonly counts: Float64Array
  /**
   * Sum of the observed values. A typed array is used, because V8 can allocate a heap number for each change of a
   * number field.
   */
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

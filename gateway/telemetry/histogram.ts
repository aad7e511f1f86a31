/**
 * Histogram with fixed buckets. An observation costs a few comparisons and two stores, and allocates nothing.
 *
 * Bounds are inclusive (`le`), ascending, and in the unit of the instrument, as in Prometheus.
 */
export class Histogram {
  readonly bounds: readonly number[]
  /** One count per bound, not cumulative, and one for values above all bounds. */
  readonly counts: Float64Array
  /** Sum in a typed array, because V8 may allocate a heap number for each change of a number field. */
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

/** A measured value and the known amount of each term. */
export interface Observation {
  /** In the order of the terms. */
  readonly amounts: readonly number[]
  readonly found: number
}

/**
 * Fits the cost of each term, so that amounts × costs approximate the measured values. Uses least squares of relative
 * errors, because observations differ by orders of magnitude. Costs are not negative: otherwise noise in one term could
 * be compensated by another term.
 *
 * @throws {Error} when the observations do not determine the costs
 */
export function leastSquares(observations: readonly Observation[], terms: number): number[] {
  const costs = new Array<number>(terms).fill(0)
  let kept = Array.from({ length: terms }, (_, i) => i)
  for (;;) {
    const solved = solve(observations, kept)
    const negative = kept.filter((_, i) => solved[i]! < 0)
    if (negative.length === 0) {
      for (const [i, term] of kept.entries()) costs[term] = solved[i]!
      return costs
    }
    kept = kept.filter((term) => !negative.includes(term))
    if (kept.length === 0) return costs
  }
}

/** Relative error of the fit for each observation. */
export function relativeErrors(observations: readonly Observation[], costs: readonly number[]): number[] {
  const weights = weightsOf(observations)
  return observations.map(({ amounts, found }, i) => Math.abs(predict(amounts, costs) - found) / weights[i]!)
}

export function predict(amounts: readonly number[], costs: readonly number[]): number {
  return amounts.reduce((sum, amount, i) => sum + amount * costs[i]!, 0)
}

/** Smaller observations, relative to the largest, are weighted as if they had this size. */
const FLOOR = 0.01

function weightsOf(observations: readonly Observation[]): number[] {
  const floor = Math.max(...observations.map(({ found }) => Math.abs(found))) * FLOOR
  return observations.map(({ found }) => Math.max(Math.abs(found), floor, Number.MIN_VALUE))
}

/** Solves the normal equations by elimination with pivoting. */
function solve(observations: readonly Observation[], terms: readonly number[]): number[] {
  const weights = weightsOf(observations)
  const product = (a: (each: Observation) => number, b: (each: Observation) => number): number =>
    observations.reduce((sum, each, i) => sum + (a(each) * b(each)) / weights[i]! ** 2, 0)
  const amount =
    (term: number) =>
    ({ amounts }: Observation): number =>
      amounts[term]!
  const rows = terms.map((term) => [
    ...terms.map((other) => product(amount(term), amount(other))),
    product(amount(term), ({ found }) => found),
  ])
  const size = terms.length
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row
    }
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    const head = rows[column]!
    // A term that is a combination of others leaves only a rounding error.
    const whole = product(amount(terms[column]!), amount(terms[column]!))
    if (Math.abs(head[column]!) <= whole * 1e-9) throw new Error('the observations cannot tell the terms apart')
    for (let row = 0; row < size; row++) {
      if (row === column) continue
      const share = rows[row]![column]! / head[column]!
      for (let i = column; i <= size; i++) rows[row]![i]! -= share * head[i]!
    }
  }
  return rows.map((row, i) => row[size]! / row[i]!)
}

/** A measured value, and how much of each cost term it contains. */
export interface Observation {
  /** Amount of each cost term, in the order of the terms. */
  readonly amounts: readonly number[]
  readonly found: number
}

/**
 * Fits the cost of each term, so that the sum of amounts × costs approximates each measured value. Minimises the
 * squares of relative errors, because measured values differ by orders of magnitude. Costs are never negative:
 * otherwise a negative cost of one term could compensate noise in another term.
 *
 * @throws {Error} when the measured values do not determine the costs
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

/** Returns the relative error of the fit for each measured value; 0.1 means 10 %. */
export function relativeErrors(observations: readonly Observation[], costs: readonly number[]): number[] {
  const weights = weightsOf(observations)
  return observations.map(({ amounts, found }, i) => Math.abs(predict(amounts, costs) - found) / weights[i]!)
}

export function predict(amounts: readonly number[], costs: readonly number[]): number {
  return amounts.reduce((sum, amount, i) => sum + amount * costs[i]!, 0)
}

/** Lower limit of the weight: values below 1 % of the largest measured value are weighted as if they were 1 % of it. */
const FLOOR = 0.01

function weightsOf(observations: readonly Observation[]): number[] {
  const floor = Math.max(...observations.map(({ found }) => Math.abs(found))) * FLOOR
  return observations.map(({ found }) => Math.max(Math.abs(found), floor, Number.MIN_VALUE))
}

/** Solves the normal equations of the fit by Gaussian elimination with pivoting. */
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
    // If the term is a linear combination of other terms, only a rounding error is left at this place.
    const whole = product(amount(terms[column]!), amount(terms[column]!))
    if (Math.abs(head[column]!) <= whole * 1e-9)
      throw new Error('the measured values do not determine the cost of each term')
    for (let row = 0; row < size; row++) {
      if (row === column) continue
      const share = rows[row]![column]! / head[column]!
      for (let i = column; i <= size; i++) rows[row]![i]! -= share * head[i]!
    }
  }
  return rows.map((row, i) => row[size]! / row[i]!)
}

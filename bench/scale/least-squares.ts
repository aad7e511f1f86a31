/** What was found at known amounts of each term. */
export interface Observation {
  /** In the order of the terms. */
  readonly amounts: readonly number[]
  readonly found: number
}

/**
 * Costs of each term, so that amounts × costs come closest to what was found: least squares of the relative errors, since
 * observations differ by orders of magnitude. No cost is negative: noise would otherwise let one term pay for another.
 *
 * @throws {Error} when the observations cannot tell the terms apart
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

/** Part of what was found by which the costs are off, of each observation. */
export function relativeErrors(observations: readonly Observation[], costs: readonly number[]): number[] {
  return observations.map((each) => Math.abs(predict(each.amounts, costs) - each.found) / weightOf(each))
}

export function predict(amounts: readonly number[], costs: readonly number[]): number {
  return amounts.reduce((sum, amount, i) => sum + amount * costs[i]!, 0)
}

function weightOf({ found }: Observation): number {
  return Math.max(Math.abs(found), Number.EPSILON)
}

/** Normal equations, by elimination with pivots. */
function solve(observations: readonly Observation[], terms: readonly number[]): number[] {
  const rows = terms.map((term) => [
    ...terms.map((other) =>
      sum(observations, (each) => (each.amounts[term]! * each.amounts[other]!) / weightOf(each) ** 2),
    ),
    sum(observations, (each) => (each.amounts[term]! * each.found) / weightOf(each) ** 2),
  ])
  const size = terms.length
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row
    }
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    const head = rows[column]!
    // What is left of a term that is a sum of others is rounding, not a cost.
    const whole = sum(observations, (each) => (each.amounts[terms[column]!]! / weightOf(each)) ** 2)
    if (Math.abs(head[column]!) <= whole * 1e-9) throw new Error('the observations cannot tell the terms apart')
    for (let row = 0; row < size; row++) {
      if (row === column) continue
      const share = rows[row]![column]! / head[column]!
      for (let i = column; i <= size; i++) rows[row]![i]! -= share * head[i]!
    }
  }
  return rows.map((row, i) => row[size]! / row[i]!)
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}

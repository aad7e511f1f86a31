import { type ConditionAtom, isWithin, unitedAtoms } from './condition-atom.ts'

/** A requirement as a formula in which `not` occurs only directly before a condition. */
export type ConditionFormula =
  | { readonly all: readonly ConditionFormula[] }
  | { readonly any: readonly ConditionFormula[] }
  | { readonly atom: ConditionAtom; readonly negated: boolean }

/**
 * Maximum number of steps of one proof. A policy written to exhaust it makes routes incomparable; it cannot stop a node.
 */
const MAX_STEPS = 2000

/**
 * Whether each request that meets `narrow` also meets `wide`. The proof is a sequent calculus with the order of the
 * conditions. False if no proof is found, so only true is a statement.
 */
export function implies(narrow: ConditionFormula, wide: ConditionFormula): boolean {
  return proves([narrow], [wide], { steps: MAX_STEPS })
}

/** Whether no request can meet the formula. False if no proof is found. */
export function isContradiction(formula: ConditionFormula): boolean {
  return proves([formula], [], { steps: MAX_STEPS })
}

type Literal = Extract<ConditionFormula, { readonly atom: ConditionAtom }>

/** Formulas of one side of a sequent: `branching` are those whose parts are separate cases. */
interface Side {
  readonly literals: readonly Literal[]
  readonly branching: readonly (readonly ConditionFormula[])[]
}

/** Whether all formulas of `left` together imply one of `right`. */
function proves(
  left: readonly ConditionFormula[],
  right: readonly ConditionFormula[],
  budget: { steps: number },
): boolean {
  if (budget.steps-- <= 0) return false
  const met = flattened(left, 'all')
  const sought = flattened(right, 'any')
  if (isClosed(met.literals, sought.literals)) return true
  const [cases, ...moreCases] = met.branching
  if (cases !== undefined) {
    const rest = [...met.literals, ...moreCases.map((any) => ({ any }))]
    return cases.every((part) => proves([...rest, part], right, budget))
  }
  const [goals, ...moreGoals] = sought.branching
  const rest = [...sought.literals, ...moreGoals.map((all) => ({ all }))]
  return goals?.every((part) => proves(left, [...rest, part], budget)) ?? false
}

function flattened(formulas: readonly ConditionFormula[], join: 'all' | 'any'): Side {
  const literals: Literal[] = []
  const branching: (readonly ConditionFormula[])[] = []
  const pending = [...formulas]
  for (let formula = pending.pop(); formula !== undefined; formula = pending.pop()) {
    if ('atom' in formula) literals.push(formula)
    else if (join in formula) pending.push(...partsOf(formula))
    else branching.push(partsOf(formula))
  }
  return { literals, branching }
}

function partsOf(formula: Exclude<ConditionFormula, Literal>): readonly ConditionFormula[] {
  return 'all' in formula ? formula.all : formula.any
}

function isClosed(met: readonly Literal[], sought: readonly Literal[]): boolean {
  const holding = atomsOf(met, false)
  const failing = unitedAtoms(atomsOf(met, true))
  const wanted = unitedAtoms(atomsOf(sought, false))
  const unwanted = atomsOf(sought, true)
  return (
    holding.some((atom) => [...wanted, ...failing].some((wide) => isWithin(atom, wide))) ||
    unwanted.some((atom) => failing.some((wide) => isWithin(atom, wide)))
  )
}

function atomsOf(literals: readonly Literal[], negated: boolean): ConditionAtom[] {
  return literals.filter((literal) => literal.negated === negated).map(({ atom }) => atom)
}

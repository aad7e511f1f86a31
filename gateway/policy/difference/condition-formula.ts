import { type ConditionAtom, isWithin, unitedAtoms } from './condition-atom.ts'

/**
 * A requirement as a formula of `all`, `any` and single conditions, in which `not` occurs only directly before a
 * condition.
 */
export type ConditionFormula =
  | { readonly all: readonly ConditionFormula[] }
  | { readonly any: readonly ConditionFormula[] }
  | { readonly atom: ConditionAtom; readonly negated: boolean }

/**
 * Maximum number of steps of one proof about two requirements. A policy that exceeds this number on purpose makes its
 * routes incomparable, but cannot block a node.
 */
const MAX_STEPS = 2000

/**
 * Whether each request that meets `narrow` also meets `wide`. The proof is a sequent calculus with the order of the
 * conditions. False means only that no proof was found.
 */
export function implies(narrow: ConditionFormula, wide: ConditionFormula): boolean {
  return proves([narrow], [wide], { steps: MAX_STEPS })
}

/** Whether no request can meet the formula. False means only that no proof was found. */
export function isContradiction(formula: ConditionFormula): boolean {
  return proves([formula], [], { steps: MAX_STEPS })
}

type Literal = Extract<ConditionFormula, { readonly atom: ConditionAtom }>
type Compound = Exclude<ConditionFormula, Literal>

/** The formulas on one side of a sequent (in the sequent calculus, the side that is given or the side to prove). */
interface Side {
  readonly literals: readonly Literal[]
  /** Formulas with several parts, each of which the proof treats as a separate case. */
  readonly branching: readonly Compound[]
  /** Texts of all formulas of this side of the sequent, including formulas that were divided into their parts. */
  readonly texts: ReadonlySet<string>
}

/** Whether a proof is found that all formulas of `left` together imply at least one formula of `right`. */
function proves(
  left: readonly ConditionFormula[],
  right: readonly ConditionFormula[],
  budget: { steps: number },
): boolean {
  if (budget.steps-- <= 0) return false
  const met = flattened(left, 'all')
  const sought = flattened(right, 'any')
  if (hasCommon(met.texts, sought.texts) || isClosed(met.literals, sought.literals)) return true
  // Divide the formulas to prove first: a part of a goal often equals a part of the other requirement.
  const [goal, ...goals] = sought.branching
  if (goal !== undefined) {
    const rest = [...sought.literals, ...goals]
    return partsOf(goal).every((part) => proves(left, [...rest, part], budget))
  }
  const [cases, ...others] = met.branching
  if (cases === undefined) return false
  const rest = [...met.literals, ...others]
  return partsOf(cases).every((part) => proves([...rest, part], right, budget))
}

function flattened(formulas: readonly ConditionFormula[], join: 'all' | 'any'): Side {
  const literals: Literal[] = []
  const branching: Compound[] = []
  const texts = new Set<string>()
  const pending = [...formulas]
  for (let formula = pending.pop(); formula !== undefined; formula = pending.pop()) {
    texts.add(textOf(formula))
    if ('atom' in formula) literals.push(formula)
    else if (join in formula) pending.push(...partsOf(formula))
    else branching.push(formula)
  }
  return { literals, branching, texts }
}

const textsOf = new WeakMap<ConditionFormula, string>()

/**
 * Returns the text of a requirement formula, to compare formulas. The order of the parts of a formula does not change
 * its text.
 */
function textOf(formula: ConditionFormula): string {
  const known = textsOf.get(formula)
  if (known !== undefined) return known
  const text =
    'atom' in formula
      ? JSON.stringify(formula, (_, value) => (value instanceof Set ? [...value].sort() : value))
      : `${'all' in formula ? 'all' : 'any'}(${partsOf(formula).map(textOf).sort().join()})`
  textsOf.set(formula, text)
  return text
}

function partsOf(formula: Compound): readonly ConditionFormula[] {
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

function hasCommon(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  for (const text of one) if (other.has(text)) return true
  return false
}

function atomsOf(literals: readonly Literal[], negated: boolean): ConditionAtom[] {
  return literals.filter((literal) => literal.negated === negated).map(({ atom }) => atom)
}

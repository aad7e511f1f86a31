import type { AddressLists } from '../address-lists.ts'
import type { ClaimEntry } from '../requirements/claims.ts'
import type { NamedSet } from '../requirements/names.ts'
import { conditionText, type RequirementTree } from '../requirements/requirement-kind.ts'
import type { TimeEntry } from '../requirements/time.ts'
import { dayMinutes, weekdays } from '../requirements/zone-clock.ts'
import type { RoleMapping } from '../snapshot.ts'
import type { ConditionAtom } from './condition-atom.ts'
import type { ConditionFormula } from './condition-formula.ts'

/** The roles and issuers of a service, by which the names in a requirement are understood. */
export interface FormulaNames {
  readonly roles: readonly RoleMapping[]
  /** Returns the identifier of the issuer with this name. Without a name: of the only issuer of the service. */
  issuerOf(name: string | undefined): string
}

/**
 * Converts a requirement into a formula. Replaces names of roles and issuers by the mapping or identifier that they
 * stand for.
 */
export function formulaOf(tree: RequirementTree, names: FormulaNames, negated = false): ConditionFormula {
  const parts = Object.entries(tree).flatMap(([key, value]) =>
    value === undefined ? [] : [partOf(key, value, names, negated)],
  )
  return joined(parts, negated)
}

/** Combines the parts of a requirement: all of them must be met. Under `not`, at least one of them must be unmet. */
function joined(parts: readonly ConditionFormula[], negated: boolean): ConditionFormula {
  if (parts.length === 1) return parts[0]!
  return negated ? { any: parts } : { all: parts }
}

function partOf(key: string, value: unknown, names: FormulaNames, negated: boolean): ConditionFormula {
  const inner = (tree: RequirementTree) => formulaOf(tree, names, negated)
  if (key === 'all') return joined((value as RequirementTree[]).map(inner), negated)
  if (key === 'any') return either((value as RequirementTree[]).map(inner), negated)
  if (key === 'not') return formulaOf(value as RequirementTree, names, !negated)
  if (key === 'roles') return ofRoles(value as NamedSet, names, negated)
  const atoms = atomsOf[key]?.(value as never, names) ?? [memberOf(conditionText(key, value), [''])]
  return joined(
    atoms.map((atom) => ({ atom, negated })),
    negated,
  )
}

function either(parts: readonly ConditionFormula[], negated: boolean): ConditionFormula {
  return negated ? { all: parts } : { any: parts }
}

function ofRoles({ all = [], any }: NamedSet, { roles }: FormulaNames, negated: boolean): ConditionFormula {
  const ofRole = (role: string): ConditionFormula => {
    const mappings = roles.filter(({ name }) => name === role)
    const atoms = mappings.map((mapping) => memberOf(conditionText('role by claim', mapping.path), mapping.any))
    return either(
      atoms.map((atom) => ({ atom, negated })),
      negated,
    )
  }
  const one = any === undefined ? [] : [either(any.map(ofRole), negated)]
  return joined([...all.map(ofRole), ...one], negated)
}

/**
 * Functions that return the conditions of each kind of requirement, by the key of the kind in the policy. All
 * conditions must be met. A kind that is not listed here is compared only by its text.
 */
const atomsOf: Readonly<Record<string, (value: never, names: FormulaNames) => readonly ConditionAtom[]>> = {
  scopes: (lists: NamedSet) => listedAtoms('scope', lists),
  claims: (entries: readonly ClaimEntry[]) =>
    entries.flatMap(({ claim, ...lists }) => listedAtoms(conditionText('claim', claim), lists)),
  clients: ({ any, issuer }: { any: readonly string[]; issuer?: string }, { issuerOf }) => [
    memberOf(`client of ${issuerOf(issuer)}`, any),
  ],
  certificate: ({ spiffe, san, issuer }: CertificateEntry) => [
    ...(spiffe ? [memberOf('certificate spiffe', spiffe)] : []),
    ...(san ? [memberOf('certificate san', san)] : []),
    ...(issuer === undefined ? [] : [memberOf('certificate issuer', [issuer])]),
  ],
  headers: (fields: Readonly<Record<string, { readonly any: readonly string[] }>>) =>
    Object.entries(fields).map(([name, { any }]) => memberOf(`header ${name.toLowerCase()}`, any)),
  addresses: (lists: AddressLists) => [{ kind: 'addresses', key: 'addresses', lists }],
  time: timeAtoms,
  session: (name: string, { issuerOf }) => [memberOf('session', [issuerOf(name)])],
  acr: (classes: readonly string[]) => [memberOf('acr', classes)],
  max_age: (ms: number) => [{ kind: 'most', key: 'max_age', most: ms }],
}

type CertificateEntry = Partial<Record<'spiffe' | 'san', readonly string[]>> & { readonly issuer?: string }

function listedAtoms(
  key: string,
  { all = [], any }: { readonly all?: readonly unknown[] | undefined; readonly any?: readonly unknown[] | undefined },
): readonly ConditionAtom[] {
  // Compare the values of a claim as JSON texts, because their type counts: "1" is not 1.
  const texts = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value))
  return [...texts(all).map((value) => memberOf(key, [value])), ...(any ? [memberOf(key, texts(any))] : [])]
}

function memberOf(key: string, values: Iterable<string>): ConditionAtom {
  return { kind: 'member', key, values: new Set(values) }
}

/**
 * Returns the conditions of a `time` requirement: its weekly hours, of which only the days are compared, and the start
 * and end of its period.
 */
function timeAtoms({ days, from, to, zone, not_before, not_after }: TimeEntry): readonly ConditionAtom[] {
  const always = from === 0 && to === dayMinutes && new Set(days ?? weekdays).size === weekdays.length
  return [
    ...(always ? [] : [memberOf(`hours ${from} to ${to} of ${zone}`, days ?? weekdays)]),
    ...(not_before === undefined ? [] : [{ kind: 'most', key: 'not_before', most: -not_before } as const]),
    ...(not_after === undefined ? [] : [{ kind: 'most', key: 'not_after', most: not_after } as const]),
  ]
}

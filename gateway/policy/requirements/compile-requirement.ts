import type { DocumentPath } from '../../config/problem.ts'
import type { NamedSet, RequirementTree } from '../../config/requirement-entry.ts'
import type { Requirement } from '../snapshot.ts'
import { All } from './all.ts'
import { Any } from './any.ts'
import { namesIn } from './names.ts'
import { Not } from './not.ts'
import { Roles } from './roles.ts'
import { Scopes } from './scopes.ts'

/** What a requirement may refer to, and where complaints go. */
export interface RequirementScope {
  /** Told of each role that is named, and where. */
  roleNamed(role: string, path: DocumentPath): void
}

/** Compiles a tree of which the schema has said that each node has exactly one key. */
export function compileRequirement(tree: RequirementTree, path: DocumentPath, scope: RequirementScope): Requirement {
  if (tree.all !== undefined) return new All(compileParts(tree.all, [...path, 'all'], scope))
  if (tree.any !== undefined) return new Any(compileParts(tree.any, [...path, 'any'], scope))
  if (tree.not !== undefined) return new Not(compileRequirement(tree.not, [...path, 'not'], scope))
  if (tree.scopes !== undefined) return new Scopes(tree.scopes)
  if (tree.roles !== undefined) return compileRoles(tree.roles, [...path, 'roles'], scope)
  // A node that demands nothing would read as public: never compiled, whatever the schema let through.
  throw new TypeError(`a requirement without a demand at ${path.join('.')}`)
}

function compileParts(trees: readonly RequirementTree[], path: DocumentPath, scope: RequirementScope): Requirement[] {
  return trees.map((tree, i) => compileRequirement(tree, [...path, i], scope))
}

function compileRoles(names: NamedSet, path: DocumentPath, scope: RequirementScope): Requirement {
  for (const role of namesIn(names)) scope.roleNamed(role, path)
  return new Roles(names)
}

/** The scopes that may be demanded, once each: what a client could ask for. What stands under `not` is none. */
export function scopesIn(tree: RequirementTree): readonly string[] {
  return [...new Set(namedScopes(tree))]
}

function namedScopes({ all = [], any = [], scopes }: RequirementTree): string[] {
  return [...(scopes === undefined ? [] : namesIn(scopes)), ...[...all, ...any].flatMap(namedScopes)]
}

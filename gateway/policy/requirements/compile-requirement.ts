import type { DocumentPath } from '../../config/problem.ts'
import type { NamedSet, RequirementTree } from '../../config/requirement-entry.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { Requirement } from '../snapshot.ts'
import { Addresses } from './addresses.ts'
import { All } from './all.ts'
import { Any } from './any.ts'
import { Authentication } from './authentication.ts'
import { Claim } from './claim.ts'
import { Clients } from './clients.ts'
import { Field } from './field.ts'
import { namesIn } from './names.ts'
import { Not } from './not.ts'
import { Roles } from './roles.ts'
import { Scopes } from './scopes.ts'
import { LoginSession } from './session.ts'
import { Time } from './time.ts'

/** What a requirement may refer to, and where complaints go. */
export interface RequirementScope {
  /** Told of each role that is named, and where. */
  roleNamed(role: string, path: DocumentPath): void
  /**
   * The issuer whose clients are meant.
   *
   * @param name  `undefined`: the only one of the service
   * @returns `undefined` when there is no such issuer, which has been complained about
   */
  issuerOf(name: string | undefined, path: DocumentPath): IssuerRules | undefined
  /**
   * The issuer of the service at which browsers log in.
   *
   * @returns `undefined` when there is none, or nobody can log in there, which has been complained about
   */
  loginIssuer(name: string, path: DocumentPath): IssuerRules | undefined
}

/**
 * Compiles a tree of which the schema has said that each node has exactly one key.
 *
 * @param negated  whether an odd number of `not` stands above it
 */
export function compileRequirement(
  tree: RequirementTree,
  path: DocumentPath,
  scope: RequirementScope,
  negated = false,
): Requirement {
  const { all, any, not, scopes, roles, claims, clients, headers, addresses, time, session, acr, max_age } = tree
  if (all !== undefined) return new All(compileParts(all, [...path, 'all'], scope, negated))
  if (any !== undefined) return new Any(compileParts(any, [...path, 'any'], scope, negated))
  if (not !== undefined) return new Not(compileRequirement(not, [...path, 'not'], scope, !negated))
  if (scopes !== undefined) return new Scopes(scopes)
  if (roles !== undefined) return compileRoles(roles, [...path, 'roles'], scope)
  if (claims !== undefined)
    return allOf(
      claims.map((claim) => new Claim(claim)),
      path,
    )
  if (clients !== undefined) return compileClients(clients, [...path, 'clients'], scope)
  if (headers !== undefined) {
    const fields = Object.entries(headers)
    return allOf(
      fields.map(([name, { any }]) => new Field(name.toLowerCase(), any, negated)),
      path,
    )
  }
  if (addresses !== undefined) return new Addresses(addresses, negated)
  if (time !== undefined) return new Time(time)
  if (session !== undefined) return compileSession(session, [...path, 'session'], scope)
  if (acr !== undefined || max_age !== undefined) return new Authentication(acr, max_age)
  return withoutDemand(path)
}

/** A node that demands nothing would read as public: never compiled, whatever the schema let through. */
function withoutDemand(path: DocumentPath): never {
  throw new TypeError(`a requirement without a demand at ${path.join('.')}`)
}

function allOf(parts: readonly Requirement[], path: DocumentPath): Requirement {
  if (parts.length === 0) withoutDemand(path)
  return parts.length === 1 ? parts[0]! : new All(parts)
}

function compileParts(
  trees: readonly RequirementTree[],
  path: DocumentPath,
  scope: RequirementScope,
  negated: boolean,
): Requirement[] {
  if (trees.length === 0) withoutDemand(path)
  return trees.map((tree, i) => compileRequirement(tree, [...path, i], scope, negated))
}

function compileRoles(names: NamedSet, path: DocumentPath, scope: RequirementScope): Requirement {
  for (const role of namesIn(names)) scope.roleNamed(role, path)
  return new Roles(names)
}

function compileClients(
  { any, issuer }: NonNullable<RequirementTree['clients']>,
  path: DocumentPath,
  scope: RequirementScope,
): Requirement {
  const rules = scope.issuerOf(issuer, path)
  // Met by nobody; the complaint keeps the policy from being used.
  return rules === undefined ? new Any([]) : new Clients(rules, any)
}

function compileSession(name: string, path: DocumentPath, scope: RequirementScope): Requirement {
  const rules = scope.loginIssuer(name, path)
  return rules === undefined ? new Any([]) : new LoginSession(rules)
}

/** Names of the issuers whose sessions may be demanded. Under `not` too: that a session is there has to be seen. */
export function sessionsIn({ all = [], any = [], not, session }: RequirementTree): readonly string[] {
  const parts = [...all, ...any, ...(not === undefined ? [] : [not])]
  return [...new Set([...(session === undefined ? [] : [session]), ...parts.flatMap(sessionsIn)])]
}

/** The scopes that may be demanded, once each: what a client could ask for. What stands under `not` is none. */
export function scopesIn(tree: RequirementTree): readonly string[] {
  return [...new Set(namedScopes(tree, false))]
}

function namedScopes({ all = [], any = [], not, scopes }: RequirementTree, negated: boolean): string[] {
  const own = scopes === undefined || negated ? [] : namesIn(scopes)
  const below = [...all, ...any].flatMap((part) => namedScopes(part, negated))
  return [...own, ...below, ...(not === undefined ? [] : namedScopes(not, !negated))]
}

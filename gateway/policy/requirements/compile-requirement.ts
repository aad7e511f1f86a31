import type { DocumentPath } from '../../config/problem.ts'
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
import type { NamedSet, RequirementTree } from './requirement-entry.ts'
import { Roles } from './roles.ts'
import { Scopes } from './scopes.ts'
import { LoginSession } from './session.ts'
import { Time } from './time.ts'

/** Resolves the names that a requirement may use, and reports problems. */
export interface RequirementScope {
  /** Called for each role that is named, with its place. */
  roleNamed(role: string, path: DocumentPath): void
  /**
   * The issuer of the named clients.
   *
   * @param name  `undefined` means the only issuer of the service
   * @returns `undefined` when there is no such issuer; a problem has been reported
   */
  issuerOf(name: string | undefined, path: DocumentPath): IssuerRules | undefined
  /**
   * The issuer of the service where browsers log in.
   *
   * @returns `undefined` when it does not exist or does not allow logins; a problem has been reported
   */
  loginIssuer(name: string, path: DocumentPath): IssuerRules | undefined
}

/**
 * Compiles a requirement tree. The schema has already ensured that each node has exactly one key.
 *
 * @param negated  true under an odd number of `not`
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

/** A node without a demand would admit everyone, so it never compiles, even if the schema accepts it. */
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
  // A requirement that nothing meets. The reported problem prevents the policy from being used.
  return rules === undefined ? new Any([]) : new Clients(rules, any)
}

function compileSession(name: string, path: DocumentPath, scope: RequirementScope): Requirement {
  const rules = scope.loginIssuer(name, path)
  return rules === undefined ? new Any([]) : new LoginSession(rules)
}

/** Names of the issuers whose sessions may be demanded, also under `not`: the session must be read to decide. */
export function sessionsIn({ all = [], any = [], not, session }: RequirementTree): readonly string[] {
  const parts = [...all, ...any, ...(not === undefined ? [] : [not])]
  return [...new Set([...(session === undefined ? [] : [session]), ...parts.flatMap(sessionsIn)])]
}

/** The scopes that a client could request, without duplicates. Scopes under `not` are excluded. */
export function scopesIn(tree: RequirementTree): readonly string[] {
  return [...new Set(namedScopes(tree, false))]
}

function namedScopes({ all = [], any = [], not, scopes }: RequirementTree, negated: boolean): string[] {
  const own = scopes === undefined || negated ? [] : namesIn(scopes)
  const below = [...all, ...any].flatMap((part) => namedScopes(part, negated))
  return [...own, ...below, ...(not === undefined ? [] : namedScopes(not, !negated))]
}

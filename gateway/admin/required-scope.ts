import { bearerChallenge } from '../oauth/challenge.ts'
import { ApiProblem } from './api-problem.ts'
import type { Caller } from './caller-authenticator.ts'
import type { Operation } from './operation.ts'
import { allScopes, ownerScope, ownerScopePrefix, type Scope } from './scopes.ts'

type Demands = Pick<Operation, 'scope' | 'serviceOf'>

/**
 * Checks the scopes of a caller before the body of the call is read. If owners of services may make this call, an owner
 * of any service passes this check: later `requireScopeFor` finds in the body which service it is.
 *
 * @throws {ApiProblem} 403 with the name of the scope when the caller lacks the scope (RFC 6750 §3.1)
 */
export function requireScope(caller: Caller, { scope, serviceOf }: Demands): void {
  if (hasScope(caller, scope) || (serviceOf !== undefined && ownsServices(caller))) return
  throw scopeLacking(caller, scope)
}

/**
 * Checks the scopes of a caller after the body of the call was read.
 *
 * @throws {ApiProblem} 403 with the name of the scope when the caller lacks the scope (RFC 6750 §3.1)
 */
export function requireScopeFor(caller: Caller, { scope, serviceOf }: Demands, body: unknown): void {
  if (hasScope(caller, scope) || isOwner(caller, serviceOf?.(body))) return
  throw scopeLacking(caller, scope)
}

/** Whether the caller has the scope of the service's owner, and not the scope for the whole policy. */
export function isOwnerOnly(caller: Caller, service: string | undefined): boolean {
  return !hasScope(caller, 'gatehouse:policy') && isOwner(caller, service)
}

function hasScope({ scopes }: Caller, scope: Scope): boolean {
  return scopes.has(scope) || scopes.has(allScopes)
}

function isOwner({ scopes }: Caller, service: string | undefined): boolean {
  return service !== undefined && scopes.has(ownerScope(service))
}

function ownsServices({ scopes }: Caller): boolean {
  return [...scopes].some((scope) => scope.startsWith(ownerScopePrefix))
}

function scopeLacking(caller: Caller, scope: Scope): ApiProblem {
  const fields = { 'www-authenticate': bearerChallenge({ error: 'insufficient_scope', scope }) }
  const hint = ownsServices(caller)
    ? 'the owner of a service may only compare and apply changes of this service (`only`), and not roll back'
    : undefined
  return new ApiProblem('insufficient_scope', `the token lacks the scope ${scope}`, { fields, hint })
}

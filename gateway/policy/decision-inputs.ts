import { createHash } from 'node:crypto'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { DecisionInputs, RoleMapping, Snapshot } from './snapshot.ts'

const ofSnapshots = new WeakMap<Snapshot, DecisionInputs>()

/**
 * Returns the claims and request fields that any requirement or shadow requirement of the policy examines. Computed
 * once per snapshot.
 */
export function decisionInputs(snapshot: Snapshot): DecisionInputs {
  let inputs = ofSnapshots.get(snapshot)
  if (inputs === undefined) {
    const named = snapshot.routes.map((route) => route.namedInputs)
    const claims = new Map(named.flatMap((each) => each.claims).map((path) => [JSON.stringify(path), path]))
    inputs = { claims: [...claims.values()], fields: [...new Set(named.flatMap((each) => each.fields))] }
    ofSnapshots.set(snapshot, inputs)
  }
  return inputs
}

const ofIssuers = new WeakMap<IssuerRules, string>()

/**
 * Returns a digest of the rules by which tokens of an issuer are validated, and by which their scopes and client are
 * read.
 */
export function issuerDigest(rules: IssuerRules): string {
  let digest = ofIssuers.get(rules)
  if (digest === undefined) {
    const { issuer, profile, clockToleranceS, maxTokenLifetimeS, scopeClaim, scopeArray, clientClaim, tokens } = rules
    digest = digestOf([
      ...[issuer, profile, clockToleranceS, maxTokenLifetimeS, scopeClaim, scopeArray, clientClaim ?? null, tokens],
      ...[
        [...rules.audience].sort(),
        [...rules.algorithms].sort(),
        rules.login?.clientId ?? null,
        rules.login?.lifetime.absoluteMs ?? null,
      ],
      rules.recheckMs !== undefined,
    ])
    ofIssuers.set(rules, digest)
  }
  return digest
}

const ofMappings = new WeakMap<RoleMapping, string>()

/**
 * Returns the name of a role with the digest of its mapping from claims. Equal results mean the same role, even in two
 * policies.
 */
export function roleDigest(mapping: RoleMapping): string {
  let digest = ofMappings.get(mapping)
  if (digest === undefined) {
    const { name, path, any } = mapping
    digest = `${name}:${digestOf([path, [...any].sort()])}`
    ofMappings.set(mapping, digest)
  }
  return digest
}

/** Returns the first 12 hexadecimal digits of the SHA-256 of a value as JSON. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12)
}

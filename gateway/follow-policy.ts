import { type Commit, commitAll } from './base/commit.ts'
import type { IssuerKeys } from './issuers/issuer-keys.ts'
import type { LoginClients } from './issuers/login-clients.ts'
import type { Runtime } from './pipeline/gate.ts'
import type { Snapshot } from './policy/snapshot.ts'
import type { RefreshQueue } from './sessions/refresh-queue.ts'
import type { Traffic } from './telemetry/traffic.ts'
import type { Introspection } from './tokens/introspection.ts'
import type { TargetRegistry } from './upstream/target-registry.ts'

/** Components of a node that keep state for each issuer, route or service of the policy. */
export interface PolicyFollowers {
  readonly issuerKeys: IssuerKeys
  readonly loginClients: LoginClients
  readonly introspection: Introspection
  /** `undefined`: the node runs without Redis. */
  readonly sessionQueue: RefreshQueue | undefined
  readonly traffic: Traffic
  readonly targets: TargetRegistry
}

/** A policy that is ready to be enforced. */
export interface PreparedPolicy {
  readonly runtime: Runtime
  /** Switches every component to this policy. */
  readonly commit: Commit
}

/**
 * Prepares every component for a policy. A rejected policy changes none of them. For example, the key sets of the
 * policy in force continue to be refreshed, so that a key that its issuer withdraws is no longer trusted.
 *
 * @throws {ConfigError} when a component cannot be prepared, for example because a secret cannot be read
 */
export function preparePolicy(snapshot: Snapshot, followers: PolicyFollowers): PreparedPolicy {
  const issuers = [...snapshot.issuers.values()]
  const { balancers, commit } = followers.targets.prepare(snapshot.services)
  const commits = [
    followers.issuerKeys.prepare(issuers),
    followers.loginClients.prepare(issuers),
    followers.introspection.prepare(issuers),
    ...(followers.sessionQueue === undefined ? [] : [followers.sessionQueue.prepare(issuers)]),
    followers.traffic.prepare(snapshot.routes.map(({ id }) => id)),
    commit,
  ]
  return { runtime: { snapshot, balancers }, commit: commitAll(commits) }
}

import { type Commit, commitAll } from './base/commit.ts'
import { attemptAll } from './config/problem.ts'
import type { CredentialsRoom } from './credentials/open-credentials.ts'
import type { IssuerRules } from './oauth/token-facts.ts'
import type { Runtime } from './pipeline/gate.ts'
import type { EmailLists } from './policy/email-lists.ts'
import type { Snapshot } from './policy/snapshot.ts'
import type { Traffic } from './telemetry/traffic.ts'
import type { TargetRegistry } from './upstream/target-registry.ts'

/** Components of a node that keep state for each issuer, route or service of the policy. */
export interface PolicyFollowers {
  readonly byIssuer: readonly IssuerFollower[]
  readonly byRoute: Pick<Traffic, 'prepare'>
  readonly byService: Pick<TargetRegistry, 'prepare'>
  readonly byCredential: Pick<CredentialsRoom, 'prepare'>
  readonly byEmailList: Pick<EmailLists, 'prepare'>
}

interface IssuerFollower {
  /**
   * Prepares the state of the component for these issuers, and for no others.
   *
   * @throws {ConfigError} when, for example, a secret cannot be read
   */
  prepare(issuers: readonly IssuerRules[]): Commit
}

/** A policy for which every component is prepared. */
export interface PreparedPolicy {
  readonly runtime: Runtime
  /** Switches every component to the prepared policy. */
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
  let balancers: Runtime['balancers'] = []
  const prepareServices = (): Commit => {
    const prepared = followers.byService.prepare(snapshot.services)
    balancers = prepared.balancers
    return prepared.commit
  }
  const commits = attemptAll([
    ...followers.byIssuer.map((each) => () => each.prepare(issuers)),
    () => followers.byCredential.prepare([...new Set(snapshot.routes.map(({ credential }) => credential))]),
    () => followers.byEmailList.prepare(snapshot.routes.flatMap(({ emailLists }) => emailLists)),
    () => followers.byRoute.prepare(snapshot.routes.map(({ id }) => id)),
    prepareServices,
  ])
  return { runtime: { snapshot, balancers }, commit: commitAll(commits) }
}

import type { ClientGrant } from '../oauth/client-grant.ts'
import { introspectToken } from '../queues/introspect-token.ts'
import { refreshSession } from '../queues/refresh-session.ts'
import { renewGrant } from '../queues/renew-grant.ts'
import { shipAudit } from '../queues/ship-audit.ts'
import type { Snapshot } from './snapshot.ts'

/** A queue of jobs for one issuer, or for one audit sink. */
export interface JobQueue {
  /** Name of the issuer or audit sink whose jobs the queue has. */
  readonly name: string
  /** Maximum number of jobs per second, for all workers of the cluster together. */
  readonly ratePerS: number
}

/** A kind of job whose queues depend on the policy. */
export interface JobQueues {
  /** Name of the kind of jobs, as in the contract of the jobs. */
  readonly kind: string
  /**
   * Queues that a policy needs for this kind, one per issuer. Jobs of every kind need `keys.encryption`, because they
   * decrypt data.
   */
  queuesOf(snapshot: Snapshot): JobQueue[]
}

/** Maximum number of session refreshes per second at one issuer. */
const REFRESHES_PER_S = 100
/** Maximum number of renewals of grants per second at one issuer. */
const RENEWALS_PER_S = 20

export const introspectionQueues: JobQueues = {
  kind: introspectToken.kind,
  queuesOf: ({ issuers }) =>
    [...issuers.values()].flatMap(({ name, introspection }) =>
      introspection === undefined ? [] : [{ name, ratePerS: introspection.ratePerS }],
    ),
}

export const refreshQueues: JobQueues = {
  kind: refreshSession.kind,
  queuesOf: ({ issuers }) =>
    [...issuers.values()].flatMap(({ name, login }) =>
      login === undefined ? [] : [{ name, ratePerS: REFRESHES_PER_S }],
    ),
}

export const grantQueues: JobQueues = {
  kind: renewGrant.kind,
  queuesOf: (snapshot) =>
    [...new Set(grantsOf(snapshot).map(({ rules }) => rules.name))].map((name) => ({ name, ratePerS: RENEWALS_PER_S })),
}

/** All kinds of jobs whose queues depend on the policy. */
export const policyQueues: readonly JobQueues[] = [introspectionQueues, refreshQueues, grantQueues]

/** Names of the queues of one kind of jobs. */
export interface QueueNames {
  readonly kind: string
  readonly names: readonly string[]
}

/**
 * Returns the names of all queues that the workers of a cluster process, by kind; kinds without a queue are left out.
 *
 * @param sinks  audit sinks in the settings
 */
export function allQueues(snapshot: Snapshot, sinks: readonly { readonly name: string }[]): QueueNames[] {
  const namesOf = (named: readonly { readonly name: string }[]) => named.map(({ name }) => name)
  return [
    ...policyQueues.map(({ kind, queuesOf }) => ({ kind, names: namesOf(queuesOf(snapshot)) })),
    { kind: shipAudit.kind, names: namesOf(sinks) },
  ].filter(({ names }) => names.length > 0)
}

/** Returns the client credentials grants (tokens of the gate itself) that credentials of services need. */
export function grantsOf({ routes }: Snapshot): ClientGrant[] {
  return routes.flatMap(({ credential }) => credential.grant ?? [])
}

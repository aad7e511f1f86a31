import type { ClientGrant } from '../oauth/client-grant.ts'
import { introspectToken } from '../queues/introspect-token.ts'
import { refreshSession } from '../queues/refresh-session.ts'
import { renewGrant } from '../queues/renew-grant.ts'
import type { Snapshot } from './snapshot.ts'

/** A queue of jobs for one issuer, or for one audit sink. */
export interface JobQueue {
  /** Name of the issuer or of the audit sink. */
  readonly name: string
  /** Maximum number of jobs per second, for all workers of the cluster together. */
  readonly ratePerS: number
}

/** The queues of one job kind, which follow the policy. */
export interface JobQueues {
  /** Kind of the jobs, as in their contract. */
  readonly kind: string
  /** The queues that a policy needs, one per issuer. The jobs of all kinds decrypt data with `keys.encryption`. */
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

/** The queues of all job kinds that follow the policy. */
export const policyQueues: readonly JobQueues[] = [introspectionQueues, refreshQueues, grantQueues]

/** The grants that credentials of services need. */
export function grantsOf({ routes }: Snapshot): ClientGrant[] {
  return routes.flatMap(({ credential }) => credential.grant ?? [])
}

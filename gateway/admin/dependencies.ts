import type { AuditService } from '../audit/audit-service.ts'
import type { AuditTrail } from '../audit/audit-trail.ts'
import type { LogVerifier } from '../audit/log-verifier.ts'
import type { Expiry } from '../base/expiries.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { TrafficSummaries } from '../cluster/traffic-summaries.ts'
import type { OwnerGrant } from '../config/owner-settings.ts'
import type { InventoryEntry } from '../config/secret-inventory.ts'
import type { GrantListing } from '../credentials/service-grants.ts'
import type { Doctor } from '../doctor/doctor.ts'
import type { Drains } from '../drains/drains.ts'
import type { NodeExplainer } from '../explain/node-explainer.ts'
import type { KeySetStatus } from '../issuers/key-set.ts'
import type { KeyService } from '../keys/key-service.ts'
import type { LimitService } from '../limits/limit-service.ts'
import type { LimitSummaries } from '../limits/limit-summaries.ts'
import type { OverloadStatus } from '../overload/overload.ts'
import type { JobQueueList } from '../policy/job-queue-list.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { RevisionService } from '../revisions/revision-service.ts'
import type { Rollouts } from '../revisions/rollouts.ts'
import type { RevocationService } from '../revocation/revocation-service.ts'
import type { Revocations } from '../revocation/revocations.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { StreamEnder } from '../streams/stream-ender.ts'
import type { StreamRegistry } from '../streams/stream-registry.ts'
import type { StreamSummaries } from '../streams/stream-summaries.ts'
import type { MetricSource } from '../telemetry/metrics.ts'
import type { VerifierStatus } from '../tokens/verifier.ts'
import type { RecentTraces } from '../traces/recent-traces.ts'
import type { UpstreamStateName } from '../upstream/balanced-target.ts'
import type { CheckOutcome, CheckResult } from '../upstream/checks/health-rules.ts'
import type { EjectionCause } from '../upstream/ejection-rules.ts'
import type { LookupResult } from '../upstream/names/known-name.ts'
import type { ServiceProtocol } from '../upstream/service-protocol.ts'
import type { ServiceRetries } from '../upstream/service-retries.ts'

/** State of the node that the admin API shows. Each access reads the current value. */
export interface NodeView {
  readonly id: string
  readonly version: string
  readonly started: boolean
  readonly ready: boolean
  readonly snapshot: Snapshot
  readonly policy: PolicyHistory
  /** State of the cached key sets of all issuers in the policy. */
  readonly issuerKeys: readonly KeySetStatus[]
  /** State of the gate's own tokens for services, on this node. */
  readonly grants: readonly GrantListing[]
  readonly verifier: VerifierStatus
  readonly connections: { readonly open: number; readonly opened: number }
  /** Counters of the HTTP/2 listener; `undefined`: the node has no such listener. */
  readonly http2: Http2Reading | undefined
  readonly inFlight: number
  readonly overload: OverloadStatus
  readonly logLinesLost: number
  readonly upstreams: readonly UpstreamView[]
  /** Host names of upstreams, with the results of their DNS lookups. */
  readonly names: readonly NameView[]
  /** Bytes of request bodies that the node keeps, to send a request again when an upstream fails. */
  readonly keptBodiesBytes: number
  /** Failed attempts to forward requests since the start of the node, by service. */
  readonly retries: readonly { readonly service: string; readonly counts: ServiceRetries['counts'] }[]
  /** Certificates, secrets and keys of the node that expire at a known time. The first to expire is first. */
  readonly expiries: readonly Expiry[]
  /** Settings and policy entries that weaken security, each as one text. */
  readonly relaxations: readonly string[]
  /** Warnings about the settings, as logged at start. */
  readonly warnings: readonly string[]
}

/** Counters of the HTTP/2 listener (`listen_h2`). */
export interface Http2Reading {
  /** Number of open HTTP/2 connections of clients. `streams`: number of requests in progress. */
  readonly sessions: number
  readonly streams: number
  /** Number of HTTP/2 connections of clients that the gate ended or refused, by cause. */
  readonly ended: ReadonlyMap<string, number>
  /** Number of HTTP/2 requests that the listener refused before they became exchanges, by cause. */
  readonly refused: ReadonlyMap<string, number>
}

export interface PolicyHistory {
  /** Time at which the policy was loaded, ms since the epoch. */
  readonly loadedAtMs: number
  /** Number of rejected policy changes since the start of the node. */
  readonly rejected: number
}

/** One address of an upstream of a service. */
export interface UpstreamView {
  readonly service: string
  readonly origin: string
  /** Address of the connections; `undefined`: each connection looks the name up, or the URL has an address. */
  readonly address: string | undefined
  readonly protocol: ServiceProtocol
  /** Number of open connections from this node to the upstream. */
  readonly connections: number
  readonly resting: boolean
  /** Weight of the upstream in the policy. The addresses of its name share the weight. */
  readonly weight: number
  /** Number of calls in progress to the upstream. */
  readonly calls: number
  /** Maximum number of concurrent calls to the upstream at this time. */
  readonly limit: number
  readonly state: UpstreamStateName
  /** Number of ejections since the start of the node, by cause, of all addresses of the upstream. */
  readonly ejections: readonly (readonly [cause: EjectionCause, count: number])[]
  /** Health checks since the start of the node, by result, of all addresses of the upstream; empty without checks. */
  readonly checks: readonly (readonly [result: CheckResult, count: number])[]
  /**
   * Outcome of the latest health check of the upstream; `undefined` before the first one, and without health checks.
   */
  readonly lastCheck: CheckOutcome | undefined
}

/** Results of the DNS lookups of one host name of upstreams. */
export interface NameView {
  readonly name: string
  readonly addresses: readonly string[]
  /** Number of DNS lookups of the name since the start of the node, by result. */
  readonly counts: Readonly<Record<LookupResult, number>>
  /** Time since the latest successful DNS lookup of the name, ms; `undefined` before it. */
  readonly ageMs: number | undefined
  /** Why the latest DNS lookup of the name failed; `undefined` when it succeeded, and before the first one. */
  readonly error: string | undefined
}

/** Everything that the operations of the admin API need from the node. */
export interface AdminDependencies {
  /** Lists the secrets and keys of the node, without values. */
  readonly secrets: () => readonly InventoryEntry[]
  readonly node: NodeView
  readonly limits: Pick<LimitService, 'list' | 'reset'>
  readonly explainer: Pick<NodeExplainer, 'explain'>
  readonly doctor: Pick<Doctor, 'run'>
  readonly streams: Pick<StreamRegistry, 'list' | 'openByKind'>
  readonly traffic: Pick<TrafficSummaries, 'read'>
  /** Components that need Redis; `undefined` when the node runs without Redis. */
  readonly shared: SharedDependencies | undefined
  /** Stored traces; `undefined` when the node stores no traces. */
  readonly traces: TraceDependencies | undefined
}

export interface TraceDependencies {
  readonly recent: Pick<RecentTraces, 'find'>
  /** Value of the setting `telemetry.traces.link`; `undefined`: not set. */
  readonly link: string | undefined
}

/** Objects that the admin operations need and that only a node with Redis has. */
export interface SharedDependencies {
  readonly drains: Pick<Drains, 'list' | 'drain'>
  readonly keys: Pick<KeyService, 'list' | 'has' | 'rotate' | 'workers'>
  readonly queues: Pick<JobQueueList, 'list'>
  /** Revisions of the cluster's policy; `undefined` when the node reads its policy from a file. */
  readonly revisions: RevisionService | undefined
  /** Setting `policy.owners`: what the owner of each service may change. Empty with `policy.source: file`. */
  readonly policyOwners: Readonly<Record<string, OwnerGrant>>
  readonly rollouts: Rollouts | undefined
  readonly cluster: Pick<Cluster, 'list' | 'acceptLoss' | 'status'>
  readonly redisMemory: MetricSource
  readonly revocations: Pick<Revocations, 'revoked' | 'size' | 'bytes'>
  readonly revocationService: Pick<RevocationService, 'revoke'>
  readonly streamEnder: Pick<StreamEnder, 'end'>
  readonly streamSummaries: Pick<StreamSummaries, 'read'>
  readonly limitSummaries: Pick<LimitSummaries, 'read'>
  readonly audit: Pick<
    AuditService,
    'search' | 'end' | 'follow' | 'tail' | 'findExchange' | 'listSinks' | 'forgetSink' | 'replay'
  >
  readonly trail: Pick<AuditTrail, 'add' | 'status' | 'collect'>
  readonly auditVerifier: Pick<LogVerifier, 'verify'>
  /** Metric of the number of login sessions; `undefined` when no encryption key for sessions is configured. */
  readonly sessionCount: MetricSource | undefined
  /** Login sessions; `undefined` when no encryption key for sessions is configured. */
  readonly sessions: Pick<Sessions, 'list' | 'listAll' | 'end' | 'endFound' | 'cached' | 'refreshes'> | undefined
}

import type { KeySetStatus } from '../issuers/key-set.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { VerifierStatus } from '../tokens/verifier.ts'

/** What the API needs of the node. Read at each call. */
export interface NodeView {
  readonly id: string
  readonly version: string
  readonly started: boolean
  readonly ready: boolean
  readonly snapshot: Snapshot
  readonly policy: PolicyHistory
  /** Of the issuers of the policy. */
  readonly issuerKeys: readonly KeySetStatus[]
  readonly verifier: VerifierStatus
  readonly connections: { readonly open: number; readonly opened: number }
  readonly inFlight: number
  readonly logLinesLost: number
  readonly upstreams: readonly UpstreamView[]
  /** Of the settings, as logged at start. */
  readonly warnings: readonly string[]
}

export interface PolicyHistory {
  /** ms since the epoch. */
  readonly loadedAtMs: number
  /** Changes that did not hold, so far. */
  readonly rejected: number
}

export interface UpstreamView {
  readonly service: string
  readonly origin: string
  readonly resting: boolean
}

/** A node as the cluster sees it. */
export interface MemberListing {
  readonly id: string
  readonly address: string
  readonly version: string
  readonly revision: string
  readonly position: string
  readonly lag_ms: number
}

/** The other nodes. Every method throws `store-unavailable` when Redis cannot be had. */
export interface ClusterView {
  list(): Promise<readonly MemberListing[]>
  /** Lets the cluster begin anew where Redis lost its data and no member is left that knew it. */
  acceptLoss(): Promise<void>
  /** For `/status`. */
  status(): Readonly<Record<string, unknown>>
}

interface OrderOf<Kind extends string> {
  readonly kind: Kind
  /** For the log. */
  readonly reason?: string | undefined
}

interface NamedOrder<Kind extends string> extends OrderOf<Kind> {
  readonly id: string
  /** The policy's name of the issuer, or its identifier. */
  readonly issuer?: string | undefined
}

/** What is to be revoked. */
export type RevocationOrder =
  | (OrderOf<'token'> & { readonly token: string })
  | NamedOrder<'jti'>
  | NamedOrder<'session'>
  | NamedOrder<'subject'>
  | NamedOrder<'client'>
  | (OrderOf<'issuer'> & { readonly issuer: string; readonly beforeS: number })

/** What is promised of a revocation, as it goes over the wire. */
export interface Receipt {
  readonly id: string
  readonly position: string
  readonly acknowledged: readonly { readonly node: string; readonly ms: number }[]
  readonly missing: readonly string[]
  readonly fenced_by: string
  readonly max_staleness_ms: number
  readonly replicas: number
  readonly fsynced: boolean
}

export interface RevocationOptions {
  /** `all`: until every node has acknowledged, or its time is over. */
  readonly wait: 'all' | 'none'
  /** The order is on the disk of Redis before it counts as written. */
  readonly durable: boolean
}

export interface RevocationDesk {
  /**
   * @throws {Refusal} for an order that cannot be carried out
   * @throws {GatewayFault} `store-unavailable` when nothing was written
   */
  revoke(order: RevocationOrder, options: RevocationOptions): Promise<Receipt>
}

/** How a desk refuses an order: in words for whoever gave it. */
export interface Refusal extends Error {
  readonly code: string
  readonly hint?: string | undefined
}

/** What the operations may use. */
export interface AdminParts {
  readonly node: NodeView
  /** `undefined`: the node stands alone. */
  readonly cluster: ClusterView | undefined
  readonly revocations: RevocationDesk | undefined
}

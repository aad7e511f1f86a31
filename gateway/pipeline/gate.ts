import type { AuditTrail } from '../audit/audit-trail.ts'
import type { Denial } from '../base/denial.ts'
import type { AssertionSigner } from '../credentials/assertion.ts'
import type { AddressLimit } from '../limits/address-limit.ts'
import type { KnownAddresses } from '../limits/known-addresses.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { LoginService } from '../login/login-service.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { Revocations } from '../revocation/revocations.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { LineWriter } from '../telemetry/line-writer.ts'
import type { Tracer } from '../telemetry/tracer.ts'
import type { Traffic } from '../telemetry/traffic.ts'
import type { TokenVerifier } from '../tokens/verifier.ts'
import type { Balancer } from '../upstream/balancer.ts'
import type { Proxies } from './client-address/proxies.ts'
import type { PublicUrls } from './exchange/public-urls.ts'
import type { Lifecycle } from './exchange/steps.ts'

/** The active policy of a node: its snapshot and the live objects built from it. Each exchange pins one. */
export interface Runtime {
  readonly snapshot: Snapshot
  /** Indexed by `ServicePolicy.index`. */
  readonly balancers: readonly Balancer[]
}

/** Services and settings available to the phases. Built once, by the composition root. */
export interface Gate {
  readonly node: string
  readonly limits: RequestLimits
  /** Scheme of the listener. Proxies in front may state another scheme for the client. */
  readonly scheme: 'http' | 'https'
  readonly publicUrls: PublicUrls
  /** `undefined` when `proxies` and `check.peers` are empty; no peer is trusted then. */
  readonly proxies: Proxies | undefined
  readonly addressLimit: Pick<AddressLimit, 'exhausted' | 'charge' | 'refund'>
  /** 429 with the `Retry-After` of `addressLimit`. */
  readonly addressLimited: Denial
  /** Addresses whose new tokens and logins have priority when calls to an issuer are queued. */
  readonly knownAddresses: Pick<KnownAddresses, 'add' | 'has'>
  readonly limiter: Limiter
  /** `undefined` without Redis or a sealing key; logins are disabled then. */
  readonly sessions: Pick<Sessions, 'find' | 'fresh' | 'ended' | 'idOf'> | undefined
  readonly loginService: LoginService | undefined
  readonly verifier: Pick<TokenVerifier, 'verify' | 'knows' | 'isIntrospected'>
  /** `undefined` without Redis; revocation is disabled then. */
  readonly revocations: Pick<Revocations, 'revoked' | 'stale'> | undefined
  /** `undefined` when no service wants an assertion and no signing key is configured. */
  readonly signer: AssertionSigner | undefined
  readonly lifecycle: Lifecycle
  /** Lifecycle of forward-auth checks, which proxies in front request. */
  readonly checkLifecycle: Lifecycle
  readonly accessLog: AccessLog
  readonly traffic: Traffic
  /** `undefined` when tracing is off. */
  readonly tracer: Tracer | undefined
  /** `undefined` without Redis; there is no audit log then. */
  readonly audit: Pick<AuditTrail, 'reserve' | 'add' | 'aggregate'> | undefined
  /** Replaced as a whole when the policy changes. */
  runtime: Runtime
  /** True while the node drains; each response then closes its connection. */
  draining: boolean
}

/** Sizes in bytes. */
export interface RequestLimits {
  readonly targetMaxBytes: number
  readonly headMaxBytes: number
  readonly fieldsMax: number
}

export interface AccessLog {
  readonly format: 'json' | 'pretty' | 'off'
  readonly lines: LineWriter
}

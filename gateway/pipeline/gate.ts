import type { AuditTrail } from '../audit/audit-trail.ts'
import type { Denial } from '../base/denial.ts'
import type { AssertionSigner } from '../credentials/assertion.ts'
import type { AddressLimit } from '../limits/address-limit.ts'
import type { KnownAddresses } from '../limits/known-addresses.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { LoginDesk } from '../login/login-desk.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { Revocations } from '../revocation/revocations.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { LineWriter } from '../telemetry/line-writer.ts'
import type { Tracer } from '../telemetry/tracer.ts'
import type { Traffic } from '../telemetry/traffic.ts'
import type { TokenVerifier } from '../tokens/verifier.ts'
import type { Balancer } from '../upstream/balancer.ts'
import type { Proxies } from './proxies.ts'
import type { PublicUrls } from './public-urls.ts'
import type { Lifecycle } from './steps.ts'

/** What a policy becomes in a node: its snapshot and the live parts made for it. An exchange pins one. */
export interface Runtime {
  readonly snapshot: Snapshot
  /** By `ServicePolicy.index`. */
  readonly balancers: readonly Balancer[]
}

/** What the phases may use. Made once, by the composition root. */
export interface Gate {
  readonly node: string
  readonly limits: RequestLimits
  /** Of the listener: what proxies in front say is another matter. */
  readonly scheme: 'http' | 'https'
  readonly publicUrls: PublicUrls
  /** `undefined`: neither `proxies` nor `check.peers` lists anybody, and nobody is believed. */
  readonly proxies: Proxies | undefined
  readonly addressLimit: Pick<AddressLimit, 'exhausted' | 'charge' | 'refund'>
  /** 429 with the time that `addressLimit` needs. */
  readonly addressLimited: Denial
  /** Addresses whose new tokens and logins go first where an issuer cannot be asked about all at once. */
  readonly knownAddresses: Pick<KnownAddresses, 'add' | 'has'>
  readonly limiter: Limiter
  /** `undefined`: without Redis, or a key to seal with, nobody can log in. */
  readonly sessions: Pick<Sessions, 'find' | 'fresh' | 'ended' | 'idOf'> | undefined
  readonly loginDesk: LoginDesk | undefined
  readonly verifier: Pick<TokenVerifier, 'verify' | 'knows' | 'isIntrospected'>
  /** `undefined`: without Redis nothing can be revoked. */
  readonly revocations: Pick<Revocations, 'revoked' | 'stale'> | undefined
  /** `undefined` while no service wants an assertion and no key is set. */
  readonly signer: AssertionSigner | undefined
  readonly lifecycle: Lifecycle
  /** Of checks, which proxies in front ask for (forward-auth). */
  readonly checkLifecycle: Lifecycle
  readonly accessLog: AccessLog
  readonly traffic: Traffic
  /** `undefined`: no exchange is recorded. */
  readonly tracer: Tracer | undefined
  /** `undefined`: without Redis there is no audit log. */
  readonly audit: Pick<AuditTrail, 'reserve' | 'add' | 'aggregate'> | undefined
  /** Swapped whole when the policy changes. */
  runtime: Runtime
  /** Replies end their connection while the node drains. */
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

import { performance } from 'node:perf_hooks'
import type { HeaderField } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import type { Derived, IssuerRules, TokenFacts } from '../../oauth/token-facts.ts'
import type { RequirementInput, Route } from '../../policy/snapshot.ts'
import type { NamedSession, Session } from '../../sessions/session.ts'
import type { ReplyHead } from '../../upstream/reply-head.ts'
import type { UpstreamCall, UpstreamTarget } from '../../upstream/target.ts'
import { checkPathOf } from '../forward-auth/check-path.ts'
import type { Gate, Runtime } from '../gate.ts'
import type { Downstream } from './downstream.ts'
import type { RequestHead } from './request-head.ts'
import type { Lifecycle } from './steps.ts'

const noRoles: ReadonlySet<string> = new Set()
const noFields: readonly HeaderField[] = []

/**
 * One request and its response. The phases fill its plain fields in order. The types `Guarded`, `Matched` and so on
 * prove at compile time which phases have run.
 */
export class Exchange implements RequirementInput {
  readonly gate: Gate
  readonly head: RequestHead
  readonly downstream: Downstream
  /**
   * Address of the peer, and after `resolve-client` of the client. 4 or 16 bytes; IPv4-mapped addresses are converted
   * to IPv4.
   */
  address: Uint8Array
  /** Monotonic, ms. */
  readonly startedAt = performance.now()
  /** Wall clock, ms since the epoch: arrival time for logs, records and traces. */
  readonly arrivedMs = Date.now()
  /** Wall clock, ms since the epoch, for `exp` and time rules. Read again after each wait. */
  nowMs = this.arrivedMs

  /** Request id, included in every response, log line and forwarded request. */
  id = ''
  /**
   * Method of the request that is authorized. In a check, `read-check` replaces it with the method of the checked
   * request. `head` always holds the request as received.
   */
  method: string
  query: string | undefined
  /** Path in normal form. */
  path = ''
  /** Host in lower case, without port and trailing dot. */
  host = ''
  /** Host as `Host` contains it. */
  authority = ''
  /**
   * Path of a forward-auth check; `undefined` for an ordinary request. A check is authorized, rate-limited and recorded
   * here, and forwarded by the proxy.
   */
  readonly checkPath: string | undefined
  /** Value for `X-Forwarded-For`: the client and its proxies. `''` means the client address alone. */
  forwardedFor = ''
  /** Scheme as stated by listed proxies, or else the listener's scheme. */
  proto: 'http' | 'https'
  /**
   * Names of the TLS certificate selected by the client's SNI. `undefined` without TLS, or when the client sent no
   * known name.
   */
  servedNames: ReadonlySet<string> | undefined
  forwardedHost: string | undefined
  /**
   * Whether the peer's statements about the client are trusted. The peer must be an HTTP proxy listed in `proxies`, or
   * in `check.peers` for a check.
   */
  peerTrusted = false
  runtime: Runtime | undefined
  route: Route | undefined
  /** CORS fields for every response: they control what pages of other origins may read. */
  originFields = noFields
  /** True when the response to a session has no `Cache-Control`, so the gate marks it as private. */
  keptPrivate = false
  credential = ''
  facts: TokenFacts | undefined
  derived: Derived | undefined
  /** The browser's session, on routes that require one and for requests with its cookie. */
  session: Session | undefined
  /** The session that a login started or a logout ended. For the record only. */
  namedSession: NamedSession | undefined
  loginIssuer: IssuerRules | undefined
  /** Result of the route's shadow requirement, for the log only. `met`, or the reason it would have denied. */
  shadow: Reason | 'met' | undefined
  /** Value of `RateLimit` in an admitted response: the limit with the fewest permits left. */
  rateLimit = ''
  /** The limit that denied, and below it the shadow limit that would have denied. For the log only. */
  limit: string | undefined
  shadowLimit: string | undefined
  /** `traceparent` sent to the service. `''` until the trace is known. */
  traceparent = ''
  /** True when the exchange continues the client's trace. */
  continuesTrace = false
  /**
   * Sampling state: `none`; `pending` until the request is admitted; `wanted` but without room in the budget yet;
   * `granted`.
   */
  sampling: 'none' | 'pending' | 'wanted' | 'granted' = 'none'
  /** Id of the server span, provisional until `sampling` is `granted`; `''` when the exchange is not traced. */
  spanId = ''
  /** Monotonic, ms: start of each phase, by its index in the lifecycle; 0 if not recorded. */
  marks: Float64Array | undefined
  target: UpstreamTarget | undefined
  /** Alternating names and values. */
  requestFields: string[] = []
  call: UpstreamCall | undefined
  replyHead: ReplyHead | undefined
  attempts = 0
  /** True when the audit log has reserved space for this record. */
  auditReserved = false

  /** True after the client disconnected or the exchange was cancelled. Nothing may be sent after that. */
  aborted = false
  settled = false
  /** True when the connection closes after this exchange. */
  close = false
  /** True when the gate must not read any more from the connection, including the rest of this body. */
  lastOfConnection = false

  status = 0
  reason: Reason = 'admitted'
  /** Message of a fault, or the setting that rejected a check. For the log only. */
  faultMessage: string | undefined
  /** Monotonic, ms; 0 until the event happened. */
  forwardedAt = 0
  repliedAt = 0
  /** Monotonic, ms: time at which the periodic sweep ends the exchange; 0 for no deadline. */
  deadlineAt = 0

  constructor(gate: Gate, head: RequestHead, downstream: Downstream) {
    this.gate = gate
    this.head = head
    this.downstream = downstream
    this.method = head.method
    this.query = head.query
    this.checkPath = checkPathOf(head.target)
    this.address = downstream.remoteAddress
    this.proto = gate.scheme
  }

  get lifecycle(): Lifecycle {
    return this.checkPath === undefined ? this.gate.lifecycle : this.gate.checkLifecycle
  }

  get token(): TokenFacts {
    return this.facts!
  }

  get roles(): ReadonlySet<string> {
    return this.derived?.roles ?? noRoles
  }

  /** Reads the wall clock again. Call it after each wait, before any decision that uses `nowMs`. */
  readClock(): void {
    this.nowMs = Date.now()
  }

  field(name: string): string | null | undefined {
    return this.head.plainField(name)
  }
}

/** Compile-time marker for the phases that have run. Never set at run time. */
type After<Name extends string> = { readonly [Key in Name as `after ${Key}`]: true }

/** The request is well-formed HTTP. `path`, `host`, `id` and the parsed fields of the head are set. */
export type Guarded = Exchange & After<'guard-request'>

/** `address` is the client's address, also behind listed proxies. */
export type Resolved = Guarded & After<'resolve-client'>

/** The route was matched and pinned together with its policy snapshot. */
export type Matched = Resolved & After<'match-route'> & { readonly runtime: Runtime; readonly route: Route }

/** The trace of the exchange is known. */
export type Traced = Matched & After<'continue-trace'>

/** The declared body size and framing are allowed by the route. */
export type Sized = Traced & After<'check-body'>

/** The client address is allowed by the route's address lists. */
export type Placed = Sized & After<'check-address'>

/** The credential was read; `''` on a public route. */
export type Presented = Placed & After<'read-credential'>

/** The client address is within its limit of failed verifications. */
export type Limited = Presented & After<'limit-address'>

/** The caller is authenticated (`facts`), or anonymous (`undefined`) on a public route. */
export type Identified = Limited & After<'authenticate'>

/** The credential is not revoked, according to this node's replica. */
export type Unrevoked = Identified & After<'check-revocation'>

/** The route's requirement is met. */
export type Permitted = Unrevoked & After<'authorize'>

/** The request was charged to the route's limits, and each had permits left. */
export type Charged = Permitted & After<'limit-subject'>

/** It has been decided whether the exchange is traced. */
export type Sampled = Charged & After<'sample-trace'>

/** Space for the audit record is reserved, where the route requires it. */
export type Recorded = Sampled & After<'reserve-audit'>

/** An upstream was chosen. */
export type Selected = Recorded & { readonly target: UpstreamTarget }

/** `requestFields` holds the fields that the service will receive. */
export type Shaped = Selected & After<'shape-request'>

/** The credential was valid after the last wait: not revoked, session not ended, not expired, replica fresh. */
export type Valid<Proven extends Recorded> = Proven & After<'check-validity'>

/** The proofs that remain after a wait: all except {@link Valid}. */
export type Unchecked<Proven extends Exchange> =
  Proven extends After<'check-validity'> ? Omit<Proven, keyof After<'check-validity'>> : Proven

/** The reply told the proxy that the request may pass. The proxy forwards it. */
export type Answered = Valid<Recorded> & After<'answer-check'>

/** The request was handed to an upstream. Upstream events drive the exchange from here on. */
export type Forwarded = Valid<Shaped> & After<'forward'>

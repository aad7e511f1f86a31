import { performance } from 'node:perf_hooks'
import type { Field } from '../base/denial.ts'
import type { Reason } from '../base/reasons.ts'
import type { Derived, IssuerRules, TokenFacts } from '../oauth/token-facts.ts'
import type { RequirementInput, Route } from '../policy/snapshot.ts'
import type { NamedSession, Session } from '../sessions/session.ts'
import type { ReplyHead } from '../upstream/reply-head.ts'
import type { Target, UpstreamCall } from '../upstream/target.ts'
import { checkPathOf } from './check-path.ts'
import type { Downstream } from './downstream.ts'
import type { Gate, Runtime } from './gate.ts'
import type { RequestHead } from './request-head.ts'
import type { Lifecycle } from './steps.ts'

const noRoles: ReadonlySet<string> = new Set()
const noFields: readonly Field[] = []

/**
 * One request and its response passing through. Plain fields that the phases fill in order; what a phase may rely on is
 * said by its types (`Guarded`, `Matched` …), which prove that the phase that fills a field ran before.
 */
export class Exchange implements RequirementInput {
  readonly gate: Gate
  readonly head: RequestHead
  readonly downstream: Downstream
  /** The peer's, and from `resolve-client` on the client's: 4 or 16 bytes, IPv4-mapped ones folded. */
  address: Uint8Array
  /** Monotonic, ms. */
  readonly startedAt = performance.now()
  /** Wall clock, ms since the epoch: the time of the exchange in logs, records and traces. */
  readonly arrivedMs = Date.now()
  /** Wall clock, ms since the epoch: the time that `exp` and time rules are compared with. Read again after each wait. */
  nowMs = this.arrivedMs

  /** The request id: in every reply, log line and request to a service. */
  id = ''
  /**
   * What is judged: the request on the wire, and in a check from `read-check` on the one that a proxy tells of. `head` stays
   * the one on the wire.
   */
  method: string
  query: string | undefined
  /** In normal form. */
  path = ''
  /** Lower case, without port and final dot. */
  host = ''
  /** As `Host` has it. */
  authority = ''
  /** The path under which proxies ask, when this is a check: decided, charged and recorded, and forwarded by the proxy. */
  readonly checkPath: string | undefined
  /** The client and the proxies behind it, as `X-Forwarded-For` says it; `''`: the client alone. */
  forwardedFor = ''
  /** What listed proxies said; else what the listener knows. */
  proto: 'http' | 'https'
  /** Names of the certificate that the client asked for; `undefined` without TLS, or when it named none that is known. */
  servedNames: ReadonlySet<string> | undefined
  forwardedHost: string | undefined
  /** What the peer says of its client counts: it speaks HTTP, and `proxies` lists it, or `check.peers` in a check. */
  peerBelieved = false
  runtime: Runtime | undefined
  route: Route | undefined
  /** Of every reply: what pages of other origins may do with it. */
  originFields = noFields
  /** The service's reply to a session says nothing of caches. */
  keptPrivate = false
  credential = ''
  facts: TokenFacts | undefined
  derived: Derived | undefined
  /** Of the browser, where the route asks for one and it came with its cookie. */
  session: Session | undefined
  /** For the record only: what a login began, or a logout ended. */
  namedSession: NamedSession | undefined
  loginIssuer: IssuerRules | undefined
  /** For the log only: how the rule that the route tries out would have judged. */
  shadow: Reason | 'met' | undefined
  /** Of the admitted reply: how much is left of the limit with the least room. */
  rateLimit = ''
  /** For the log only: the limit that refused, and one that is tried out and would have. */
  limit: string | undefined
  shadowLimit: string | undefined
  /** What the service gets as such: the trace that the exchange belongs to. `''` before it is known. */
  traceparent = ''
  /** The trace is the client's. */
  continuesTrace = false
  /**
   * How far it is decided whether the exchange is recorded: not at all, `pending` until it is admitted, `wanted` without room in
   * the budget yet, `granted` with it.
   */
  sampling: 'none' | 'pending' | 'wanted' | 'granted' = 'none'
  /** The exchange's own span, provisional until `sampling` is `granted`; `''`: it is not recorded. */
  spanId = ''
  /** Monotonic, ms: when each phase of the lifecycle began, by its place there; 0 for one that was not noted. */
  marks: Float64Array | undefined
  target: Target | undefined
  /** Name and value alternate. */
  requestFields: string[] = []
  call: UpstreamCall | undefined
  replyHead: ReplyHead | undefined
  attempts = 0
  /** Room is kept for the record. */
  auditReserved = false

  /** The client went away, or the exchange was given up: nothing more may be sent. */
  aborted = false
  settled = false
  /** The connection ends with this exchange. */
  close = false
  /** Nothing may be read from the connection any more, not even what is left of this body. */
  lastOfConnection = false

  status = 0
  reason: Reason = 'admitted'
  /** For the log only: what a fault said, or which setting refuses a check. */
  faultMessage: string | undefined
  /** Monotonic, ms; 0 until it happened. */
  forwardedAt = 0
  repliedAt = 0
  /** Monotonic, ms: the sweep ends the exchange then; 0 for never. */
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

  /** Reads the wall clock again. Must follow each wait, before anything is decided by `nowMs`. */
  readClock(): void {
    this.nowMs = Date.now()
  }

  field(name: string): string | null | undefined {
    return this.head.plainField(name)
  }
}

/** A mark for the compiler alone: says which phase has run, and is never set. */
type After<Name extends string> = { readonly [Key in Name as `after ${Key}`]: true }

/** The wire was clean: `path`, `host`, `id` and the parsed fields of the head are set. */
export type Guarded = Exchange & After<'guard-request'>

/** `address` is the client's, not that of a proxy in front. */
export type Resolved = Guarded & After<'resolve-client'>

/** A route was found, and pinned together with its snapshot. */
export type Matched = Resolved & After<'match-route'> & { readonly runtime: Runtime; readonly route: Route }

/** It is known to which trace the exchange belongs. */
export type Traced = Matched & After<'continue-trace'>

/** The body is one that the route takes. */
export type Sized = Traced & After<'check-body'>

/** The client's address is known, and the route's lists allow it. */
export type Placed = Sized & After<'check-address'>

/** The credential was read: `''` on a public route. */
export type Presented = Placed & After<'read-credential'>

/** The address has not run up too many failed verifications. */
export type Limited = Presented & After<'limit-address'>

/** Who asks is known: somebody whose token holds (`facts`), or anybody (`undefined`) on a public route. */
export type Identified = Limited & After<'authenticate'>

/** What was presented is not revoked, as far as the node can vouch for it. */
export type Standing = Identified & After<'check-revocation'>

/** The route's requirement is met. */
export type Permitted = Standing & After<'authorize'>

/** Charged to the limits of the route, which have room. */
export type Charged = Permitted & After<'limit-subject'>

/** It is decided whether the exchange is recorded as a trace. */
export type Sampled = Charged & After<'sample-trace'>

/** There is room for the record of the exchange, where the route wants that. */
export type Recorded = Sampled & After<'reserve-audit'>

/** An upstream was chosen. */
export type Selected = Recorded & { readonly target: Target }

/** `requestFields` are what the service will receive. */
export type Shaped = Selected & After<'shape-request'>

/** The credential was found valid after the last wait: not revoked, session not ended, not expired, no stale replica. */
export type Valid<Proven extends Recorded> = Proven & After<'check-validity'>

/** What is proven after a wait: everything but {@link Valid}. */
export type Unchecked<Proven extends Exchange> =
  Proven extends After<'check-validity'> ? Omit<Proven, keyof After<'check-validity'>> : Proven

/** The proxy was told that the request may pass: it forwards it. */
export type Answered = Valid<Recorded> & After<'answer-check'>

/** The request is on its way to a service: from here on the upstream drives. */
export type Forwarded = Valid<Shaped> & After<'forward'>

import { performance } from 'node:perf_hooks'
import type { HeaderField } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import type { Derived, IssuerRules, TokenFacts } from '../../oauth/token-facts.ts'
import type { RequirementInput, Route } from '../../policy/snapshot.ts'
import type { ValidProof } from '../../proofs/dpop-proofs.ts'
import type { NamedSession, Session } from '../../sessions/session.ts'
import type { StreamClaim } from '../../streams/stream-counts.ts'
import type { StreamWatch } from '../../streams/watched-stream.ts'
import type { BasicClient } from '../../tokens/client-tokens.ts'
import type { KnownCertificate } from '../../tokens/known-certificate.ts'
import type { ReplyHead } from '../../upstream/reply-head.ts'
import type { UpstreamCall, UpstreamTarget } from '../../upstream/target.ts'
import type { CertificateIdentity } from '../../x509/certificate-identity.ts'
import type { ClientTrust } from '../../x509/client-trust.ts'
import { checkPathOf } from '../forward-auth/check-path.ts'
import type { MessageLine } from '../forward-auth/message-line.ts'
import type { Gate, Runtime } from '../gate.ts'
import type { ClientSocket } from './client-socket.ts'
import type { Downstream } from './downstream.ts'
import type { Relay } from './relay.ts'
import type { RequestHead } from './request-head.ts'
import type { RetryState } from './retry-state.ts'
import type { Lifecycle } from './steps.ts'

/**
 * Scheme with which a client presents its credential: an authentication scheme of `Authorization` (RFC 9110 §11.1), or
 * the cookie of a login session.
 */
export type CredentialScheme = 'none' | 'session' | 'bearer' | 'dpop' | 'basic' | 'certificate'

const noOffers: readonly string[] = []
const noRoles: ReadonlySet<string> = new Set()
const noFields: readonly HeaderField[] = []

/** Client certificate of a TLS connection. */
export interface TlsHandshake {
  readonly certificate: string
  readonly trust: ClientTrust
}

/**
 * One request and its response. The phases set the properties in order. The types `Guarded`, `Matched` and so on prove
 * at compile time which phases have run.
 */
export class Exchange implements RequirementInput {
  readonly gate: Gate
  readonly head: RequestHead
  readonly downstream: Downstream
  /**
   * IP address of the client; before `resolve-client`, address of the peer. 4 or 16 bytes; IPv4-mapped addresses are
   * converted to IPv4.
   */
  address: Uint8Array
  /** Monotonic time at which the exchange started, ms. */
  readonly startedAt = performance.now()
  /** Arrival time for logs, records and traces. Wall clock, ms since the epoch. */
  readonly arrivedMs = Date.now()
  /** Current time for `exp` and time rules. Wall clock, ms since the epoch; read again after each wait. */
  nowMs = this.arrivedMs

  /** Request id, included in every response, log line and forwarded request. */
  id = ''
  /**
   * Method of the request that is authorized. In a forward-auth check, `read-check` replaces it with the method of the
   * checked request. `head` always contains the request as received.
   */
  method: string
  query: string | undefined
  /** Path of the authorized request in normal form. */
  path = ''
  /** Requested host in lower case, without port and trailing dot. */
  host = ''
  /** Requested host in the form of the `Host` field, with its port. */
  authority = ''
  /**
   * Path of a forward-auth check; `undefined` for an ordinary request. The gate authorizes, rate-limits and records a
   * check; the proxy forwards the checked request.
   */
  readonly checkPath: string | undefined
  /** Request line of an ext_authz check, set by the listener; `undefined` for a check over HTTP and without a check. */
  asked: MessageLine | undefined
  /**
   * Value of `X-Forwarded-For` for the service: the addresses of the client and its proxies. `''` means the client
   * address alone.
   */
  forwardedFor = ''
  /** Scheme of the client's request, as sent by listed proxies, or else the listener's scheme. */
  proto: 'http' | 'https'
  /**
   * Names of the TLS certificate selected by the client's SNI. `undefined` without TLS, or when the client sent no
   * known name.
   */
  servedNames: ReadonlySet<string> | undefined
  /**
   * Client certificate of the TLS connection, in PEM (`''` for none), and the CAs that verified it in the handshake.
   * `undefined` unless the listener requests client certificates. Behind a listed proxy, it is the proxy's certificate.
   */
  handshake: TlsHandshake | undefined
  /**
   * The certificate of the client: of its connection, or as stated by a listed proxy. `undefined` for none. Valid and
   * not revoked when `check-certificate` ran.
   */
  clientCertificate: KnownCertificate | undefined
  forwardedHost: string | undefined
  /**
   * Whether the gate trusts the peer's header fields about the client. The peer must be an HTTP proxy listed in
   * `proxies`, or in `check.peers` for a forward-auth check.
   */
  peerTrusted = false
  runtime: Runtime | undefined
  route: Route | undefined
  /** CORS fields for every response. They control which responses a page of another origin can read. */
  originFields = noFields
  /**
   * True when the service's response to a request with a session has no `Cache-Control`, so the gate marks the response
   * as private.
   */
  keptPrivate = false
  /** `Location` of the reply in place of that of the service; `''` for no replacement. */
  location = ''
  /** Scheme of the credential; `none` until `read-credential`, and on a public route. */
  scheme: CredentialScheme = 'none'
  /** Access token of the caller; with scheme `basic`, the token that the issuer granted to the caller. */
  credential = ''
  /** The caller's client id and secret, until the caller is authenticated; `undefined` with other schemes. */
  client: BasicClient | undefined
  /** The DPoP proof that `prove-possession` validated; `undefined` without a proof. */
  proof: ValidProof | undefined
  facts: TokenFacts | undefined
  derived: Derived | undefined
  /** The login session of the request, when the route requires one and the session cookie is the credential. */
  session: Session | undefined
  /** The session that a login started or a logout ended; only for the audit record. */
  namedSession: NamedSession | undefined
  loginIssuer: IssuerRules | undefined
  /**
   * Result of the route's shadow requirement, for logs only: `met`, or the reason for which the shadow requirement
   * would have denied the request.
   */
  shadow: Reason | 'met' | undefined
  /** Value of the `RateLimit` field in an admitted response, for the limit with the fewest permits left. */
  rateLimit = ''
  /**
   * Label of the rate limit that denied; `shadowLimit`: label of the shadow limit that would have denied. For logs
   * only.
   */
  limit: string | undefined
  shadowLimit: string | undefined
  /** `traceparent` sent to the service. `''` until the trace is chosen. */
  traceparent = ''
  /** True when the exchange continues the client's trace. */
  continuesTrace = false
  /**
   * Sampling state. `none`: not traced. `pending`: decided when the request is admitted. `wanted`: traced if the trace
   * budget has room. `granted`: traced.
   */
  sampling: 'none' | 'pending' | 'wanted' | 'granted' = 'none'
  /** Id of the server span; may be replaced until `sampling` is `granted`. `''` when the exchange is not traced. */
  spanId = ''
  /** Start of each phase, by the phase's index in the lifecycle; monotonic, ms; 0 if not recorded. */
  marks: Float64Array | undefined
  target: UpstreamTarget | undefined
  /** Value of the field `route.credential.field` for the service; `undefined` when the service gets no credential. */
  upstreamCredential: string | undefined
  /** State for further attempts to forward the request; `undefined` before the first failure, without a kept body. */
  retryState: RetryState | undefined
  /** Header fields for the service, as alternating names and values. @bound request */
  requestFields: string[] = []
  call: UpstreamCall | undefined
  replyHead: ReplyHead | undefined
  /** True when the reply is `text/event-stream`: it may end cleanly at any time, because its client reconnects. */
  eventStream = false
  /** Relay between client and service; set while the node checks the exchange as a stream (`StreamRegistry`). */
  stream: Relay | undefined
  /** Claim under which the event stream or WebSocket counts against the limits of streams; `undefined` if not counted. */
  streamClaim: StreamClaim | undefined
  /** Reason for which the gate ended a reply that had begun. For the record only. */
  streamEnd: Reason | undefined
  /** WebSocket subprotocols that are offered to the service. */
  offers = noOffers
  /** Tokens that the client offered as WebSocket subprotocols, in base64url. */
  offeredTokens = noOffers
  /** WebSocket subprotocol that the gate selects when the service selects none; `''` for none. */
  ownProtocol = ''
  /**
   * Entry of the WebSocket in the registry of streams, which checks the stream regularly; `undefined` for other
   * exchanges.
   */
  watch: StreamWatch | undefined
  /** The WebSocket of the client, once the gate has sent 101. */
  socket: ClientSocket | undefined
  attempts = 0
  /** True while the exchange counts as in flight for the overload protection. Only `Overload` writes it. */
  inFlight = false
  /** True while the audit log keeps space for the record of this exchange. */
  auditReserved = false

  /**
   * True after the client disconnected or the exchange was cancelled. The gate must then send nothing more to the
   * client.
   */
  aborted = false
  settled = false
  /** True when the connection closes after this exchange. */
  close = false
  /** True when the gate must read nothing more from the connection, including the rest of the request body. */
  lastOfConnection = false
  /** True when the gate refuses the certificate of the connection: the client needs another connection. */
  connectionRefused = false

  status = 0
  reason: Reason = 'admitted'
  /**
   * Text for logs: message of the fault that ended the exchange, or the setting to correct when a forward-auth check is
   * denied. For logs only.
   */
  faultMessage: string | undefined
  /** `forwardedAt`: start of forwarding; `repliedAt`: arrival of the response head. Monotonic, ms; 0 until then. */
  forwardedAt = 0
  repliedAt = 0
  /** Time at which the periodic sweep ends the exchange, monotonic, ms; 0 for no deadline. */
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

  get certificate(): CertificateIdentity | undefined {
    return this.clientCertificate?.identity
  }

  get roles(): ReadonlySet<string> {
    return this.derived?.roles ?? noRoles
  }

  /** Reads the wall clock again. Call this method after each wait, before any decision that uses `nowMs`. */
  readClock(): void {
    this.nowMs = Date.now()
  }

  field(name: string): string | null | undefined {
    return this.head.plainField(name)
  }
}

/** Marker that tells the compiler which phases have run. Never set at run time. */
type After<Name extends string> = { readonly [Key in Name as `after ${Key}`]: true }

/** An exchange whose request is well-formed HTTP. `path`, `host`, `id` and the parsed fields of the head are set. */
export type Guarded = Exchange & After<'guard-request'>

/** An exchange whose `address` is the client's address, also behind listed proxies. */
export type Resolved = Guarded & After<'resolve-client'>

/** An exchange with a matched route. The route and its policy snapshot do not change until the exchange ends. */
export type Matched = Resolved & After<'match-route'> & { readonly runtime: Runtime; readonly route: Route }

/** An exchange whose trace is chosen: the trace of the client, or a new one. */
export type Traced = Matched & After<'continue-trace'>

/**
 * An exchange without a WebSocket handshake, or with a handshake that its route allows from the origin of the request.
 */
export type Upgradable = Traced & After<'check-upgrade'>

/** An exchange whose declared body size and framing are allowed by the route. */
export type Sized = Upgradable & After<'check-body'>

/** An exchange whose client address is allowed by the route's address lists. */
export type Placed = Sized & After<'check-address'>

/** An exchange whose credential was read; the credential is `''` on a public route. */
export type Presented = Placed & After<'read-credential'>

/** An exchange that the node has admitted although it may be overloaded. It counts as in flight until its end. */
export type Admissible = Presented & After<'admit'>

/** An exchange whose client address is within its limit of failed verifications, or whose token is in the cache. */
export type Limited = Admissible & After<'limit-address'>

/** An exchange whose caller is authenticated (`facts`), or anonymous (`facts` is `undefined`) on a public route. */
export type Identified = Limited & After<'authenticate'>

/** An exchange whose credential is not revoked, according to this node's revocation replica. */
export type Unrevoked = Identified & After<'check-revocation'>

/** An exchange whose caller has proven possession of the key to which its token is bound, if it is bound to one. */
export type Confirmed = Unrevoked & After<'prove-possession'>

/** An exchange that meets the requirement of its route. */
export type Permitted = Confirmed & After<'authorize'>

/** An exchange whose DPoP proof, if it has one, was used for the first time. */
export type Consumed = Permitted & After<'consume-proof'>

/** An exchange that was charged to the rate limits of its route, each of which had permits left. */
export type Charged = Consumed & After<'limit-subject'>

/** An exchange whose sampling is decided: the exchange is traced or not. */
export type Sampled = Charged & After<'sample-trace'>

/** An exchange with reserved space for its audit record, where the route requires it. */
export type Recorded = Sampled & After<'reserve-audit'>

/** An exchange whose credential for the service has been made, if the policy sets such a credential. */
export type Credentialed = Recorded & After<'obtain-credential'>

/** An exchange for which an upstream of the service is selected. */
export type Selected = Credentialed & { readonly target: UpstreamTarget }

/** An exchange whose `requestFields` are the header fields that the service will receive. */
export type Shaped = Selected & After<'shape-request'>

/**
 * An exchange whose credential was valid after the last wait: not revoked, not expired, session not ended. The
 * revocation replica was not stale.
 */
export type Valid<Proven extends Credentialed> = Proven & After<'check-validity'>

/** Type of an exchange after a wait. All proofs remain except {@link Valid}. */
export type Unchecked<Proven extends Exchange> =
  Proven extends After<'check-validity'> ? Omit<Proven, keyof After<'check-validity'>> : Proven

/** A forward-auth check whose reply tells the proxy that the request is admitted. The proxy forwards the request. */
export type Answered = Valid<Credentialed> & After<'answer-check'>

/** An exchange whose request was handed to an upstream. Upstream events then drive the exchange. */
export type Forwarded = Valid<Shaped> & After<'forward'>

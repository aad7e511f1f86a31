import type { AddressList } from '../base/address-list.ts'
import type { Denial, HeaderField } from '../base/denial.ts'
import type { Expiry } from '../base/expiries.ts'
import type { RouteLimits } from '../base/limit-rule.ts'
import type { MessageLimit } from '../base/message-limit.ts'
import type { ClientReason, Reason, TokenReason } from '../base/reasons.ts'
import type { BasicTerms } from '../oauth/basic-terms.ts'
import type { IntrospectionTerms, IssuerRules, TokenFacts } from '../oauth/token-facts.ts'
import type { HealthRules } from '../upstream/checks/health-rules.ts'
import type { EjectionRules } from '../upstream/ejection-rules.ts'
import type { RetryRules } from '../upstream/retry-rules.ts'
import type { ServiceProtocol } from '../upstream/service-protocol.ts'
import type { UpstreamTls } from '../upstream/tls/upstream-tls.ts'
import type { CertificateIdentity } from '../x509/certificate-identity.ts'
import type { EmailList } from './email-list.ts'
import type { IdentityField } from './identity-field.ts'
import type { ServiceCredential } from './services/credentials/service-credential.ts'
import type { PrintedOutage } from './services/on-outage.ts'

/** Reasons for which no route matches a request. */
export type MatchReason = 'host-unknown' | 'route-unknown' | 'method-not-mapped'

/**
 * The compiled, immutable policy of a node. An exchange uses one snapshot from its match to its end. A policy change
 * compiles a complete new snapshot.
 */
export interface Snapshot {
  /** First 12 hex digits of the hash of the policy; see {@link PolicySource.revision}. */
  readonly revision: string
  /**
   * Token rules of the issuers, by issuer identifier. If an issuer has not changed, its rules are the same object as in
   * the previous snapshot.
   */
  readonly issuers: ReadonlyMap<string, IssuerRules>
  /** Issuers that allow logins. */
  readonly loginIssuers: readonly IssuerRules[]
  /**
   * Patterns of the hosts that share the login at an issuer's `login.host`, by issuer identifier. A pattern is a host
   * name, or `*.` and a host name; `*` stands for exactly one label.
   */
  readonly loginHosts: ReadonlyMap<string, ReadonlySet<string>>
  readonly services: readonly ServicePolicy[]
  /** Expiry dates of secrets, as `expires` in the policy states them. */
  readonly secretExpiries: readonly Expiry[]
  readonly routes: readonly Route[]
  /** Names of the identity fields of all services. */
  readonly identityNames: ReadonlySet<string>
  /** Whether any route of the policy matches by host. */
  readonly namesHosts: boolean
  /** Whether every service continues the traces of clients. */
  readonly trustsTraces: boolean
  /** The highest `revocationStaleMs` of all routes, ms. */
  readonly revocationStaleMs: number
  /**
   * Finds the route of a request. The most literal pattern of host and path wins; then the method selects the route of
   * that pattern.
   *
   * @param host  host in lower case, without port and trailing dot
   * @param path  path in normal form
   * @returns the route, or a denial. 404: no such path under this host; 405: no such method (`Allow` lists the methods
   *   of the path); 421: no such host
   */
  match(host: string, path: string, method: string): Route | Denial<MatchReason>
  /** Returns the routes at this path, whatever their methods, for resource metadata (RFC 9728). */
  routesAt(host: string, path: string): readonly Route[]
  /**
   * Returns the methods that routes accept at this path, in the form of the response field `Allow`; `''` if no route
   * accepts any.
   */
  methodsAt(host: string, path: string): string
}

export interface ServicePolicy {
  readonly id: string
  /** Position of this service in `Snapshot.services`. */
  readonly index: number
  readonly issuers: ReadonlySet<IssuerRules>
  readonly upstreams: readonly URL[]
  /** Weights of the upstreams, in the same order; `undefined`: all upstreams have the same weight. */
  readonly weights: readonly number[] | undefined
  /** Rules for the ejection of upstreams with failures; `undefined`: upstreams are never ejected. */
  readonly ejection: EjectionRules | undefined
  /** Time in which an upstream that returns after an ejection gets its whole share of the calls again, ms. */
  readonly slowStartMs: number
  /** Health checks of the upstreams; `undefined`: none. */
  readonly health: HealthRules | undefined
  /** Protocol in which the gate calls the upstreams. */
  readonly protocol: ServiceProtocol
  readonly roles: readonly RoleMapping[]
  /** Credential that the service receives on routes that do not set their own. */
  readonly credential: ServiceCredential
  /**
   * Fields, in lower case, that the gate removes from requests of clients because a credential of the service or an
   * identity field uses them; `undefined` when the gate removes only the fields that it always removes.
   */
  readonly credentialFields: ReadonlySet<string> | undefined
  readonly hostHeader: 'preserve' | 'upstream'
  /** Maximum number of concurrent calls of one node to one upstream. */
  readonly maxCalls: number
  /** Whether an estimate from the latency also limits the calls that wait for their reply. */
  readonly adaptive: boolean
  /** Number of connections that a node opens to an address when it becomes available. */
  readonly warmConnections: number
  readonly timeouts: ServiceTimeouts
  /** TLS settings of the connections to the upstreams; `undefined`: defaults. */
  readonly upstreamTls: UpstreamTls | undefined
  readonly encodedSlashes: 'refuse' | 'keep'
  readonly pathParameters: 'refuse' | 'allow'
  readonly chunked: 'accept' | 'refuse'
  /** False starts a new trace for each exchange and ignores the client's `traceparent`. */
  readonly trustTrace: boolean
  /** Fields in which the service also receives claims of the user, unsigned. */
  readonly identityFields: readonly IdentityField[]
  /** Fields, in lower case, that are forwarded although the gate removes them by default; `undefined` for none. */
  readonly passHeaders: ReadonlySet<string> | undefined
}

/** Time limits of the requests to a service, ms. */
export interface ServiceTimeouts {
  readonly connectMs: number
}

/** Timeouts of a route, ms: the value of the route, or else of its service. `undefined` means no timeout. */
export interface RouteTimeouts {
  readonly firstByteMs: number
  readonly idleMs: number
  readonly totalMs: number | undefined
}

/**
 * Change of the path before forwarding. Each prefix consists of whole segments in normal form, starts with `/` and does
 * not end with `/`; `''` means no prefix.
 */
export interface PathRewrite {
  /** Prefix that is removed. Every path that the route matches is this prefix, or this prefix followed by `/`. */
  readonly stripPrefix: string
  readonly addPrefix: string
}

/**
 * Settings for the streams of a route: replies, uploads and WebSockets that continue after they were admitted. Times are
 * in ms.
 */
export interface RouteStreams {
  /**
   * Maximum number of event streams and WebSockets of the route on one node: `max` for all subjects together,
   * `maxPerSubject` for one subject; `undefined` for no limit.
   */
  readonly max: number | undefined
  readonly maxPerSubject: number | undefined
  /** Maximum duration (`streams.max_age`) of a stream, ms; `undefined` for no limit. */
  readonly maxAgeMs: number | undefined
  /** Maximum time without a message of a WebSocket or a byte of an event stream, ms; `undefined` for no limit. */
  readonly idleMs: number | undefined
  /**
   * Maximum time for which a stream is paused while the node cannot decide whether it is allowed, ms; `undefined`:
   * `streams.hold` of the node.
   */
  readonly holdMs: number | undefined
  /** True if streams continue although their token or session has ended or the policy no longer admits them. */
  readonly keeps: boolean
}

export interface RouteAudit {
  /**
   * Behaviour when there is no space for an audit record: `open` drops and counts the record, `closed` denies the
   * exchange.
   */
  readonly whenFull: 'open' | 'closed'
  readonly query: boolean
}

/**
 * Mapping of a claim to a role. The role `name` is granted when the claim at `path` (own properties only) equals or
 * contains one of `any`.
 */
export interface RoleMapping {
  readonly name: string
  readonly path: readonly string[]
  readonly any: ReadonlySet<string>
}

/** Claims and request fields that requirements examine. */
export interface DecisionInputs {
  readonly claims: readonly (readonly string[])[]
  /** Names of the request fields that requirements examine, in lower case. */
  readonly fields: readonly string[]
}

export interface Route {
  readonly id: string
  readonly service: ServicePolicy
  /** The host pattern of the route as the policy writes it; `undefined` matches every host. */
  readonly host: string | undefined
  /** The path pattern of the route as the policy writes it. */
  readonly path: string
  /** Requirement that a request must meet; `undefined` for a public route. */
  readonly requirement: Requirement | undefined
  /** Shadow requirement: evaluated and recorded, without any effect on the exchange. */
  readonly shadow: Requirement | undefined
  readonly accept: RouteAccept
  readonly addresses: AddressList | undefined
  readonly timeouts: RouteTimeouts
  /** When a request is sent again: `retry` of the route, or else of its service. `undefined`: never. */
  readonly retry: RetryRules | undefined
  /** Change of the path before forwarding; `undefined` forwards the path unchanged. */
  readonly rewrite: PathRewrite | undefined
  /** Credential that the service receives on this route: the credential of the route, or else of the service. */
  readonly credential: ServiceCredential
  /** CORS fields of the route; `undefined` when the policy sets none. The service can then set its own CORS fields. */
  readonly cors: RouteCors | undefined
  /** WebSocket settings of the route; `undefined` when the route allows no WebSockets. */
  readonly websocket: RouteWebSocket | undefined
  /** Rate limits of the route; `undefined` when the route has none. */
  readonly limits: RouteLimits | undefined
  readonly maxBodyBytes: number | undefined
  /** Maximum size of each message of a client in a gRPC call, bytes; `undefined` when the route takes no gRPC calls. */
  readonly grpcMessageMaxBytes: number | undefined
  /** Issuers at which opaque tokens of this route are introspected, and how long a stale response is accepted. */
  readonly introspection: IntrospectionTerms
  /** Effective `on_outage` of the route, as the policy prints it. */
  readonly onOutage: PrintedOutage
  /**
   * Maximum age of the node's revocation replica for this route, ms. With 0, `revocation.max_staleness` of the node
   * applies.
   */
  readonly revocationStaleMs: number
  /** Whether the requirement admits only tokens that are bound to the key of DPoP proofs. */
  readonly dpopRequired: boolean
  /** Whether DPoP proofs are refused or checked by each node alone while Redis is unavailable (`on_outage.replay`). */
  readonly replayOnOutage: 'closed' | 'node'
  readonly streams: RouteStreams
  /** Index in `priorities`: an overloaded node sheds the requests with a lower index first. */
  readonly priority: number
  readonly audit: RouteAudit
  readonly methods: ReadonlySet<string>
  /** Whether a less literal pattern can match requests with methods that no route of this pattern accepts. */
  readonly fallThrough: boolean
  /** Scopes that a client can request to meet the requirement, for resource metadata (RFC 9728 §2). */
  readonly scopes: readonly string[]
  /** Issuers whose login sessions the requirement names. If the list is empty, the gate ignores session cookies. */
  readonly logins: readonly IssuerRules[]
  /**
   * Names of the claims about the user that decide on a request of the route, or that its service receives. For these,
   * a session needs claims that are not older than `login.claims_max_age`. Empty for a route without logins.
   */
  readonly sessionClaims: readonly string[]
  /**
   * Certificate requirements outside `not`. A caller without a token is identified by its certificate if one of these
   * requirements matches. Empty if a certificate alone cannot meet the requirement of the route; a certificate is then
   * no credential on the route.
   */
  readonly certificates: readonly CertificateCondition[]
  /** Certificate requirements of the shadow requirement outside `not`. */
  readonly shadowCertificates: readonly CertificateCondition[]
  /** All certificate requirements of the route, also under `not` and in the shadow requirement. */
  readonly namedCertificates: readonly CertificateCondition[]
  /** Claims and request fields that the requirement and the shadow requirement examine, for the audit log. */
  readonly namedInputs: DecisionInputs
  /** Lists of e-mail addresses (files) that the requirement and the shadow requirement name. */
  readonly emailLists: readonly EmailList[]
  /** Relaxations of the requirement: policy keys with their values. */
  readonly relaxations: readonly string[]
  readonly denials: RouteDenials
}

/** Schemes of `Authorization` with which callers of a route authenticate. */
export interface RouteAccept {
  /** True when access tokens are accepted (scheme Bearer, and DPoP for bound tokens). */
  readonly bearer: boolean
  /** Compiled `basic` entry; `undefined` when the route does not accept a client id and secret. */
  readonly basic: BasicTerms | undefined
}

/** Settings of a route that allows WebSockets (RFC 6455). */
export interface RouteWebSocket {
  /** Exact values of `Origin` that are allowed in addition to the origin of the requested host. */
  readonly origins: ReadonlySet<string>
  /**
   * WebSocket subprotocols that the gate forwards to the service; `undefined` forwards all except tokens and, with
   * `tokenInProtocol`, the gate's own.
   */
  readonly subprotocols: ReadonlySet<string> | undefined
  /** Maximum size of a WebSocket message, bytes; `undefined` for the limit of the node. */
  readonly maxMessageBytes: number | undefined
  /** Whether a token that the client offers as a WebSocket subprotocol is accepted as the credential. */
  readonly tokenInProtocol: boolean
  readonly messageLimits: readonly MessageLimit[]
}

/** CORS response fields of a route (Fetch §3.2), by the exact value of `Origin`. */
export interface RouteCors {
  /** Methods that a CORS preflight of the route is allowed to request. */
  readonly methods: ReadonlySet<string>
  readonly preflights: ReadonlyMap<string, readonly HeaderField[]>
  /** CORS fields of every response to a listed origin, including refusals. */
  readonly replies: ReadonlyMap<string, readonly HeaderField[]>
  /**
   * CORS fields of responses to origins that are not allowed: only `Vary`, so that caches store one response per
   * origin.
   */
  readonly otherReplies: readonly HeaderField[]
}

/** All denials that depend only on the route, built when the policy is compiled. */
export interface RouteDenials {
  readonly credentialMissing: Denial<'credential-missing'>
  readonly credentialMalformed: Denial<'credential-malformed'>
  readonly credentialRepeated: Denial<'credential-repeated'>
  readonly addressDenied: Denial<'address-denied'>
  /** Denials of an invalid token, one per reason. The client receives the same response for every reason. */
  readonly token: { readonly [R in TokenReason]: Denial<R> }
  /** Denials of a client id and secret, one per reason. */
  readonly client: { readonly [R in ClientReason]: Denial<R> }
}

/** Condition on the identity of a client certificate. Members that are `undefined` state no condition. */
export interface CertificateCondition {
  readonly issuer: string | undefined
  /** SPIFFE IDs, one of which the certificate must have. */
  readonly spiffe: ReadonlySet<string> | undefined
  /** Subject alternative names, one of which the certificate must have. */
  readonly names: ReadonlySet<string> | undefined
  matches(identity: CertificateIdentity): boolean
}

/** Input for the evaluation of a requirement. */
export interface RequirementInput {
  readonly token: TokenFacts
  /** Issuer of the request's login session; `undefined` without a session. */
  readonly loginIssuer: IssuerRules | undefined
  /** Identity of the client certificate; `undefined` without a certificate, and for one without an identity. */
  readonly certificate: CertificateIdentity | undefined
  readonly roles: ReadonlySet<string>
  readonly address: Uint8Array
  readonly nowMs: number
  /**
   * Returns the value of a request field; `undefined` when the request lacks the field. The name must be in lower case.
   * Returns `null` when the field repeats or has an alias (`x_tenant` for `x-tenant`), because it is then unknown which
   * value the service reads.
   */
  field(name: string): string | null | undefined
}

/**
 * One compiled requirement, with its sub-requirements. Its evaluation is pure and synchronous, and allocates nothing
 * when the requirement is met.
 */
export interface Requirement {
  /**
   * Evaluates the requirement for one request.
   *
   * @returns `undefined` when the requirement is met, else a denial that was built when the policy was compiled
   */
  evaluate(input: RequirementInput): Denial | undefined
  /** Text for `gatehouse explain` that describes this requirement; `explain` prints its sub-requirements below it. */
  readonly demand: string
  readonly subRequirements: readonly Requirement[]
  readonly reason: Reason
}

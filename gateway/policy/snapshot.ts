import type { AddressList } from '../base/address-list.ts'
import type { Denial, HeaderField } from '../base/denial.ts'
import type { RouteLimits } from '../base/limit-rule.ts'
import type { Reason, TokenReason } from '../base/reasons.ts'
import type { IntrospectionTerms, IssuerRules, TokenFacts } from '../oauth/token-facts.ts'

/** Reasons for which no route matches a request. */
export type MatchReason = 'host-unknown' | 'route-unknown' | 'method-not-mapped'

/**
 * The compiled, immutable policy of a node. An exchange keeps the snapshot in which it was matched. A policy change
 * compiles a complete new snapshot.
 */
export interface Snapshot {
  /** First 12 hex digits of the SHA-256 of the policy text (all files, in order). */
  readonly revision: string
  /** By issuer identifier. An unchanged entry is the same object as in the previous snapshot. */
  readonly issuers: ReadonlyMap<string, IssuerRules>
  /** Issuers that allow logins. */
  readonly loginIssuers: readonly IssuerRules[]
  readonly services: readonly ServicePolicy[]
  readonly routes: readonly Route[]
  /** Whether any route depends on the host. */
  readonly namesHosts: boolean
  /** Whether every service continues the traces of clients. */
  readonly trustsTraces: boolean
  /** The highest `revocationStaleMs` of all routes, ms. */
  readonly revocationStaleMs: number
  /**
   * Finds the route of a request: the most literal pattern of host and path wins, and then the method selects its
   * route.
   *
   * @param host  lower case, without port and trailing dot
   * @param path  in normal form
   * @returns the route, or a denial. 404: no such path under this host; 405: no such method (`Allow` lists the methods
   *   of the path); 421: no such host
   */
  match(host: string, path: string, method: string): Route | Denial<MatchReason>
  /** The routes of any method on this path, for resource metadata (RFC 9728); empty if there are none. */
  routesAt(host: string, path: string): readonly Route[]
  /** Methods that routes accept at this path, as the value of `Allow`; `''` for none. */
  methodsAt(host: string, path: string): string
}

export interface ServicePolicy {
  readonly id: string
  /** Position in `Snapshot.services`. */
  readonly index: number
  readonly issuers: ReadonlySet<IssuerRules>
  readonly upstreams: readonly URL[]
  readonly roles: readonly RoleMapping[]
  readonly credentials: 'assertion' | 'token' | 'none'
  readonly hostHeader: 'preserve' | 'upstream'
  /** HTTP client implementation for `http` upstreams. */
  readonly httpClient: 'own' | 'undici'
  /** Maximum number of concurrent calls to one upstream. */
  readonly maxCalls: number
  readonly timeouts: ServiceTimeouts
  readonly encodedSlashes: 'refuse' | 'keep'
  readonly pathParameters: 'refuse' | 'allow'
  readonly chunked: 'accept' | 'refuse'
  /** False starts a new trace for each exchange and ignores the client's `traceparent`. */
  readonly trustTrace: boolean
  /** Also sends X-Auth-Request-User, -Preferred-Username, -Email and -Groups, like oauth2-proxy. */
  readonly authRequestHeaders: boolean
  /** Fields, in lower case, that are forwarded although the gate removes them by default; `undefined` for none. */
  readonly passHeaders: ReadonlySet<string> | undefined
}

/** In ms. */
export interface ServiceTimeouts {
  readonly connectMs: number
}

/** Set on the route, or else on the service. All in ms; `undefined` means no timeout. */
export interface RouteTimeouts {
  readonly firstByteMs: number
  readonly idleMs: number
  readonly totalMs: number | undefined
}

/** Whole segments in normal form that start with `/` and do not end with `/`; `''` for none. */
export interface PathRewrite {
  /** Every path that the route matches equals this prefix or continues it with `/`. */
  readonly stripPrefix: string
  readonly addPrefix: string
}

export interface RouteAudit {
  /** When there is no space for an audit record: `open` loses and counts the record, `closed` denies the exchange. */
  readonly whenFull: 'open' | 'closed'
  readonly query: boolean
}

/** The role `name` is granted when the claim at `path` (own properties only) equals or contains one of `any`. */
export interface RoleMapping {
  readonly name: string
  readonly path: readonly string[]
  readonly any: ReadonlySet<string>
}

export interface Route {
  readonly id: string
  readonly service: ServicePolicy
  /** The host pattern as the policy writes it; `undefined` matches every host. */
  readonly host: string | undefined
  /** The path pattern as the policy writes it. */
  readonly path: string
  /** `undefined` for a public route. */
  readonly requirement: Requirement | undefined
  /** Shadow requirement: evaluated and recorded, without any effect on the exchange. */
  readonly shadow: Requirement | undefined
  readonly addresses: AddressList | undefined
  readonly timeouts: RouteTimeouts
  /** `undefined` forwards the path unchanged. */
  readonly rewrite: PathRewrite | undefined
  /** `undefined` when the policy sets no CORS fields; the service may then set its own. */
  readonly cors: RouteCors | undefined
  /** `undefined` for no limits. */
  readonly limits: RouteLimits | undefined
  readonly maxBodyBytes: number | undefined
  /** How issuers are asked about opaque tokens of this route. */
  readonly introspection: IntrospectionTerms
  /** Maximum age of the node's revocation replica for this route, ms. With 0, the node's own tolerance applies. */
  readonly revocationStaleMs: number
  readonly audit: RouteAudit
  readonly methods: ReadonlySet<string>
  /** Requests with other methods may be matched by a less literal pattern. */
  readonly fallThrough: boolean
  /** Every scope that the requirement names, for resource metadata (RFC 9728 §2). */
  readonly scopes: readonly string[]
  /** Issuers whose login sessions the requirement names; when empty, session cookies are ignored. */
  readonly logins: readonly IssuerRules[]
  readonly denials: RouteDenials
}

/** CORS fields (Fetch §3.2) by the exact value of `Origin`. */
export interface RouteCors {
  /** Methods that a preflight may request. */
  readonly methods: ReadonlySet<string>
  readonly preflights: ReadonlyMap<string, readonly HeaderField[]>
  /** Fields of every response to a listed origin, including refusals. */
  readonly replies: ReadonlyMap<string, readonly HeaderField[]>
  /** Fields of responses to all other origins. Caches must keep the variants apart. */
  readonly otherReplies: readonly HeaderField[]
}

/** All denials that depend only on the route, built when the policy is compiled. */
export interface RouteDenials {
  readonly credentialMissing: Denial<'credential-missing'>
  readonly credentialMalformed: Denial<'credential-malformed'>
  readonly credentialRepeated: Denial<'credential-repeated'>
  readonly addressDenied: Denial<'address-denied'>
  /** One denial per reason. The client sees no difference. */
  readonly token: { readonly [R in TokenReason]: Denial<R> }
}

/** Input for the evaluation of a requirement. */
export interface RequirementInput {
  readonly token: TokenFacts
  /** The issuer of the request's login session; `undefined` without a session. */
  readonly loginIssuer: IssuerRules | undefined
  readonly roles: ReadonlySet<string>
  readonly address: Uint8Array
  readonly nowMs: number
  /**
   * Value of a request field; `undefined` without one. The name must be in lower case. `null` when the field repeats or
   * has an alias (`x_tenant` for `x-tenant`): it is then unknown which value the service reads.
   */
  field(name: string): string | null | undefined
}

/** One node of the compiled requirement tree. Pure and synchronous; allocates nothing when met. */
export interface Requirement {
  /** @returns `undefined` when met, or else the denial built at compile time */
  evaluate(input: RequirementInput): Denial | undefined
  /** Text for `explain` that describes this requirement; `explain` prints its sub-requirements below it. */
  readonly demand: string
  readonly subRequirements: readonly Requirement[]
  readonly reason: Reason
}

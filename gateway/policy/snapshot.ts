import type { AddressList } from '../base/address-list.ts'
import type { Denial, Field } from '../base/denial.ts'
import type { RouteLimits } from '../base/limit-rule.ts'
import type { Reason, TokenReason } from '../base/reasons.ts'
import type { IntrospectionTerms, IssuerRules, TokenFacts } from '../oauth/token-facts.ts'

/**
 * The compiled, immutable form of a policy in a node. An exchange keeps the snapshot it matched in; a change of policy
 * compiles a whole new one.
 */
export interface Snapshot {
  /** First 12 hex digits of the SHA-256 of the policy's text (of all files, in order). */
  readonly revision: string
  /** By issuer identifier. An entry that did not change is the same object as in the snapshot before. */
  readonly issuers: ReadonlyMap<string, IssuerRules>
  /** At which browsers log in. */
  readonly loginIssuers: readonly IssuerRules[]
  readonly services: readonly ServicePolicy[]
  readonly routes: readonly Route[]
  /** Whether any route goes by the host. */
  readonly namesHosts: boolean
  /** Whether every service continues the traces of clients. */
  readonly trustsTraces: boolean
  /** The longest of all routes. */
  readonly revocationStaleMs: number
  /**
   * Finds the route of a request: the most literal pattern of host and path wins, then its routes are told apart by method.
   *
   * @param host  lower case, without port and without a final dot
   * @param path  in normal form
   * @returns the route, or the denial: 404 no path under this host, 405 path but not method (`Allow` names the methods of that path), 421 no such host
   */
  match(host: string, path: string, method: string): Route | Denial
  /** The routes of any method on this path, for resource metadata (RFC 9728); empty when there are none. */
  routesAt(host: string, path: string): readonly Route[]
  /** Methods that a route takes at this path, as the value of `Allow`; `''` for none. */
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
  /** For `http` upstreams. */
  readonly httpClient: 'own' | 'undici'
  /** Under way to one upstream. */
  readonly maxCalls: number
  readonly timeouts: ServiceTimeouts
  readonly encodedSlashes: 'refuse' | 'keep'
  readonly pathParameters: 'refuse' | 'allow'
  readonly chunked: 'accept' | 'refuse'
  /** False starts a new trace for each exchange, whatever the client sent. */
  readonly trustTrace: boolean
  /** Also send X-Auth-Request-User, -Preferred-Username, -Email, -Groups as oauth2-proxy does. */
  readonly authRequestHeaders: boolean
  /** Fields that travel although the gate removes them elsewhere, in lower case; `undefined`: none. */
  readonly passHeaders: ReadonlySet<string> | undefined
}

/** In ms. */
export interface ServiceTimeouts {
  readonly connectMs: number
}

/** The route's own, else the service's. All in ms; `undefined` is none. */
export interface RouteTimeouts {
  readonly firstByteMs: number
  readonly idleMs: number
  readonly totalMs: number | undefined
}

/** Whole segments in normal form, starting and not ending with `/`; `''` for none. */
export interface PathRewrite {
  /** Every path that the route matches is this, or goes on from it with `/`. */
  readonly stripPrefix: string
  readonly addPrefix: string
}

export interface RouteAudit {
  /** While there is no room for the record of an exchange: it is lost and counted, or the exchange is refused. */
  readonly whenFull: 'open' | 'closed'
  readonly query: boolean
}

/** `name` is held when the claim at `path` (own properties only) is, or contains, one of `any`. */
export interface RoleMapping {
  readonly name: string
  readonly path: readonly string[]
  readonly any: ReadonlySet<string>
}

export interface Route {
  readonly id: string
  readonly service: ServicePolicy
  /** The pattern, as the policy writes it; `undefined`: every host. */
  readonly host: string | undefined
  /** The pattern, as the policy writes it. */
  readonly path: string
  /** `undefined`: public. */
  readonly requirement: Requirement | undefined
  /** Tried out beside what is enforced: judged and recorded, and without any effect. */
  readonly shadow: Requirement | undefined
  readonly addresses: AddressList | undefined
  readonly timeouts: RouteTimeouts
  /** `undefined`: the service sees the path that was matched. */
  readonly rewrite: PathRewrite | undefined
  /** `undefined`: pages of no other origin. */
  readonly cors: RouteCors | undefined
  /** `undefined`: none. */
  readonly limits: RouteLimits | undefined
  readonly maxBodyBytes: number | undefined
  /** How issuers are asked about the route's tokens. */
  readonly introspection: IntrospectionTerms
  /** So long the route goes on without news of revocations, ms; 0: as long as the node does anyway. */
  readonly revocationStaleMs: number
  readonly audit: RouteAudit
  readonly methods: ReadonlySet<string>
  /** Requests of other methods may be matched by a less literal pattern. */
  readonly fallThrough: boolean
  /** Every scope that the requirement names, for resource metadata (RFC 9728 §2). */
  readonly scopes: readonly string[]
  /** Issuers whose login sessions the requirement names; empty: cookies are not looked at. */
  readonly logins: readonly IssuerRules[]
  readonly denials: RouteDenials
}

/** What pages of other origins are told (Fetch §3.2), by the exact value of `Origin`. */
export interface RouteCors {
  /** That a preflight may ask for. */
  readonly methods: ReadonlySet<string>
  readonly preflights: ReadonlyMap<string, readonly Field[]>
  /** Of every reply, refusals too. */
  readonly replies: ReadonlyMap<string, readonly Field[]>
  /** Of replies to everybody else: caches have to keep them apart. */
  readonly otherReplies: readonly Field[]
}

/** Every denial that depends on the route only, made when the policy is compiled. */
export interface RouteDenials {
  readonly credentialMissing: Denial
  readonly credentialMalformed: Denial
  readonly credentialRepeated: Denial
  readonly addressDenied: Denial
  /** One a reason, all the same to the client. */
  readonly token: Readonly<Record<TokenReason, Denial>>
}

/** What a requirement may look at. */
export interface RequirementInput {
  readonly token: TokenFacts
  /** The issuer of the login session that the request came with; `undefined` without one. */
  readonly loginIssuer: IssuerRules | undefined
  readonly roles: ReadonlySet<string>
  readonly address: Uint8Array
  readonly nowMs: number
  /**
   * Value of a request field, its name in lower case; `undefined` where it does not come. `null` where it comes more than
   * once, or under an alias (`x_tenant` for `x-tenant`): then nobody can say which value the service reads.
   */
  field(name: string): string | null | undefined
}

/** One node of the compiled tree. Pure, synchronous, allocates nothing when met. */
export interface Requirement {
  /** @returns `undefined` when met, else the denial made at compile time. */
  evaluate(input: RequirementInput): Denial | undefined
  /** For `explain`: what is demanded, and of which parts it consists. */
  readonly demand: string
  readonly parts: readonly Requirement[]
  readonly reason: Reason
}

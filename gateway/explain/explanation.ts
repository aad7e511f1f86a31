import type { Decision } from '../base/decision.ts'
import type { HeaderField } from '../base/denial.ts'
import type { Reason } from '../base/reasons.ts'
import type { IgnoredKey } from '../issuers/published-key.ts'
import type { HttpVersion } from '../pipeline/exchange/request-head.ts'
import type { ShadowVerdict } from '../pipeline/identity/evaluate-shadow.ts'
import type { PrintedOutage } from '../policy/services/on-outage.ts'
import type { SessionView } from './explained-session.ts'
import type { LimitView } from './limit-view.ts'
import type { ListedRoute } from './nearest-routes.ts'
import type { ServiceView } from './service-view.ts'
import type { CheckVerdict, TokenCheck } from './token-checks.ts'

/**
 * Explanation of the gate's decision on a hypothetical request. Members are in snake_case, because `gatehouse explain
 * --output json` prints them.
 */
export interface Explanation {
  readonly decision: Decision
  readonly reason: Reason
  readonly why: string
  /** First step to take when the request should be admitted; `null` when `why` says it. */
  readonly first_step: string | null
  /** Result of the token's signature check; `null` when the request had no token, or an opaque token. */
  readonly signature: CheckVerdict | 'verified' | null
  /** Name of the node that made the explanation; `null` when the CLI made it without a node (offline). */
  readonly node: string | null
  /** Revision of the policy by which the explained request was decided. */
  readonly revision: string
  readonly request: ExplainedRequest
  /** Names of the phases that ran, in order. The last phase decided the exchange. */
  readonly phases: readonly string[]
  readonly route: ListedRoute | null
  /**
   * When no route matched the host, path and method of the request: routes that its sender probably meant. Otherwise
   * empty.
   */
  readonly nearest: readonly ListedRoute[]
  /**
   * Result of the check of the client address. `listed`: whether the route permits only certain addresses. `null` when
   * the request was decided before this check.
   */
  readonly addresses: { readonly listed: boolean; readonly permitted: boolean } | null
  /** The token of the request and its checks; `null` when the request had a login session, or no token. */
  readonly token: TokenView | null
  readonly session: SessionView | null
  /** Whether the request meets the requirement of the route; `null` on a public route, and when no route matched. */
  readonly requirement: RequirementVerdict | null
  /**
   * The shadow requirement of the route, which is evaluated without effect, and the verdict that the log would record;
   * `null` when the route has no shadow requirement.
   */
  readonly shadow: { readonly verdict: ShadowVerdict | null; readonly requirement: RequirementVerdict } | null
  /** Limits and shadow limits of the route; `null` when no route matched. */
  readonly limits: readonly LimitView[] | null
  /** Effective `on_outage` of the route; `null` when no route matched. */
  readonly on_outage: PrintedOutage | null
  readonly service_receives: ServiceView | null
  /** The reply that the gate itself would send; `null` when the request would be forwarded to the service. */
  readonly reply: ReplyView | null
  /** Message of the fault that ended the request, for operators; `null` when no fault occurred. */
  readonly fault: string | null
}

interface ExplainedRequest {
  readonly method: string
  readonly host: string
  /** Normalized path of the explained request; `null` when the path cannot be normalized. */
  readonly path: string | null
  readonly http_version: HttpVersion
  readonly address: string
  readonly at: string
}

export interface TokenView {
  readonly issuer: { readonly name: string; readonly issuer: string } | null
  readonly checks: readonly TokenCheck[]
  /** Keys of the issuer's key set that cannot be used, each with the reason. */
  readonly ignored_keys: readonly IgnoredKey[]
  /**
   * Claims of the token. They are trustworthy only if every check passed. `null` when the claims are invalid or
   * unreadable.
   */
  readonly claims: {
    readonly subject: string
    readonly client: string | null
    readonly audience: readonly string[]
    readonly scopes: readonly string[]
    readonly roles: readonly string[]
    readonly issued_at: string | null
    readonly expires_at: string | null
    readonly acr: string | null
  } | null
}

export interface RequirementVerdict {
  readonly demand: string
  /**
   * Whether the requirement is met; `null` when it was not evaluated, because the request has no accepted token or
   * session.
   */
  readonly met: boolean | null
  readonly reason: Reason | null
  readonly parts: readonly RequirementVerdict[]
}

export interface ReplyView {
  /** HTTP status, as in the log. The client of a refused gRPC call gets HTTP status 200 and `grpc_status` instead. */
  readonly status: number
  /** gRPC status of a refused gRPC call; `null` for any other reply. */
  readonly grpc_status: number | null
  readonly code: string
  readonly challenge: string | null
  readonly fields: readonly HeaderField[]
  /** True when the client connection closes after the reply. */
  readonly closes: boolean
}

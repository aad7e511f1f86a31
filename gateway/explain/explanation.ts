import { formatAddress } from '../base/addresses.ts'
import { type Decision, decisionOf } from '../base/decision.ts'
import type { HeaderField } from '../base/denial.ts'
import { grpcCodeOf } from '../base/grpc-code.ts'
import { type Reason, reasons } from '../base/reasons.ts'
import type { IgnoredKey } from '../issuers/published-key.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'
import type { HttpVersion } from '../pipeline/exchange/request-head.ts'
import type { ShadowVerdict } from '../pipeline/identity/evaluate-shadow.ts'
import { checkAddress } from '../pipeline/phases/check-address.ts'
import type { Requirement } from '../policy/snapshot.ts'
import type { DryRunOutcome } from './dry-run.ts'
import { type SessionView, sessionViewOf } from './explained-session.ts'
import type { Explainer } from './explainer.ts'
import { firstStepOf } from './first-step.ts'
import { type LimitView, limitViews } from './limit-view.ts'
import { type ListedRoute, listedRoute, routesNear, routesOfHostsNear } from './nearest-routes.ts'
import { type ServiceView, serviceView } from './service-view.ts'
import { type CheckVerdict, checkToken, type TokenCheck, timeText } from './token-checks.ts'

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
  /** Revision of the policy by which the request was decided. */
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
  readonly service_receives: ServiceView | null
  /** The reply that the gate itself would send; `null` when the request would be forwarded to the service. */
  readonly reply: ReplyView | null
  /** Message of the fault, for operators; `null` when no fault occurred. */
  readonly fault: string | null
}

interface ExplainedRequest {
  readonly method: string
  readonly host: string
  /** Normalized path of the request; `null` when the path cannot be normalized. */
  readonly path: string | null
  readonly http_version: HttpVersion
  readonly address: string
  readonly at: string
}

interface TokenView {
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

interface ReplyView {
  /** HTTP status, as in the log. The client of a refused gRPC call gets HTTP status 200 and `grpc_status` instead. */
  readonly status: number
  /** gRPC status of a refused gRPC call; `null` for any other reply. */
  readonly grpc_status: number | null
  readonly code: string
  readonly challenge: string | null
  readonly fields: readonly HeaderField[]
  /** True when the connection closes after the reply. */
  readonly closes: boolean
}

/** Builds the explanation from the outcome of a dry run. */
export async function explanationOf(outcome: DryRunOutcome, explainer: Explainer): Promise<Explanation> {
  const { exchange: x, forwarded } = outcome
  const { snapshot } = x.gate.runtime
  const token = tokenView(x, explainer)
  const explained = {
    decision: decisionOf(x.reason),
    reason: x.reason,
    why: reasons[x.reason].why,
    signature: signatureOf(token),
    node: explainer.node ?? null,
    revision: snapshot.revision,
    request: {
      method: x.head.method,
      host: x.host === '' ? (x.head.field('host') ?? '') : x.host,
      path: x.path === '' ? null : x.path,
      http_version: x.head.version,
      address: formatAddress(x.address),
      at: new Date(x.nowMs).toISOString(),
    },
    phases: outcome.phases,
    route: x.route === undefined ? null : listedRoute(x.route),
    nearest: nearestTo(x),
    addresses: addressView(outcome),
    token,
    session: sessionViewOf(x),
    requirement: evaluate(x.route?.requirement, x),
    shadow: shadowView(x),
    limits: await limitViews(x, outcome.phases, explainer.count),
    service_receives: forwarded === undefined ? null : serviceView(x, forwarded),
    reply: replyView(outcome),
    fault: x.faultMessage ?? null,
  }
  return { ...explained, first_step: firstStepOf(explained) }
}

function signatureOf(token: TokenView | null): Explanation['signature'] {
  const verdict = token?.checks.find(({ check }) => check === 'signature')?.verdict
  return verdict === 'passed' ? 'verified' : (verdict ?? null)
}

function nearestTo(x: Exchange): readonly ListedRoute[] {
  const { snapshot } = x.gate.runtime
  switch (x.reason) {
    case 'route-unknown':
      return routesNear(x.path, snapshot.routes.map(listedRoute))
    case 'host-unknown':
      return routesOfHostsNear(x.host, snapshot.routes.map(listedRoute))
    case 'method-not-mapped': {
      const reached = new Set(snapshot.routesAt(x.host, x.path))
      return snapshot.routes.filter((route) => reached.has(route)).map(listedRoute)
    }
    default:
      return []
  }
}

function addressView({ exchange: { route, address }, phases }: DryRunOutcome): Explanation['addresses'] {
  if (route === undefined || !phases.includes(checkAddress.name)) return null
  const { addresses } = route
  return { listed: addresses !== undefined, permitted: addresses?.permits(address) ?? true }
}

function tokenView(x: Exchange, explainer: Explainer): TokenView | null {
  if (x.credential === '' || x.session !== undefined) return null
  const { issuer, claimed, checks } = checkToken(x, explainer)
  return {
    issuer: issuer === undefined ? null : { name: issuer.name, issuer: issuer.issuer },
    checks,
    ignored_keys: issuer === undefined ? [] : explainer.ignoredKeys(issuer),
    claims:
      claimed === undefined
        ? null
        : {
            subject: claimed.subject,
            client: claimed.client ?? null,
            audience: claimed.audience,
            scopes: [...claimed.scopes],
            roles: [...x.roles],
            issued_at: timeText(claimed.issuedAtS),
            expires_at: timeText(claimed.expiresAtS),
            acr: claimed.acr ?? null,
          },
  }
}

function evaluate(requirement: Requirement | undefined, x: Exchange): RequirementVerdict | null {
  return requirement === undefined ? null : verdictOf(requirement, x)
}

function shadowView(x: Exchange): Explanation['shadow'] {
  const shadow = x.route?.shadow
  return shadow === undefined ? null : { verdict: x.shadow ?? null, requirement: verdictOf(shadow, x) }
}

/**
 * Evaluates a requirement and each of its parts, also the parts that the gate skips in a real request after a failed
 * part.
 */
export function verdictOf(requirement: Requirement, x: Exchange): RequirementVerdict {
  const denied = x.facts === undefined ? undefined : requirement.evaluate(x)
  return {
    demand: requirement.demand,
    met: x.facts === undefined ? null : denied === undefined,
    reason: denied?.reason ?? null,
    parts: requirement.subRequirements.map((part) => verdictOf(part, x)),
  }
}

function replyView({ exchange: x, refusal, challenge, answer }: DryRunOutcome): ReplyView | null {
  const reply = refusal ?? answer
  if (reply === undefined) return null
  const { status } = reply
  const isDenied = refusal !== undefined || status >= 300
  return {
    status,
    grpc_status: x.head.grpc && isDenied ? grpcCodeOf(status) : null,
    code: refusal?.code ?? 'answered',
    challenge: challenge ?? null,
    fields: refusal === undefined || x.head.grpc ? reply.fields : [...reply.fields, ...x.originFields],
    // Over HTTP/2 a denial ends only the stream, unless the gate refuses the client certificate of the connection.
    closes: x.head.version === '2' ? x.connectionRefused : x.close,
  }
}

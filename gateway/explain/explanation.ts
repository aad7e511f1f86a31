import { formatAddress } from '../base/addresses.ts'
import { type Decision, decisionOf } from '../base/decision.ts'
import type { Field } from '../base/denial.ts'
import { type Reason, reasons } from '../base/reasons.ts'
import type { IgnoredKey } from '../issuers/published-key.ts'
import type { Exchange } from '../pipeline/exchange.ts'
import type { ShadowVerdict } from '../pipeline/judge-shadow.ts'
import { checkAddress } from '../pipeline/phases/check-address.ts'
import type { Requirement } from '../policy/snapshot.ts'
import type { Explainer } from './explainer.ts'
import { type LimitView, limitViews } from './limit-view.ts'
import { type ListedRoute, listedRoute, routesNear, routesOfHostsNear } from './nearest-routes.ts'
import type { Outcome } from './rehearsal.ts'
import { type ServiceView, serviceView } from './service-view.ts'
import { type CheckVerdict, checkToken, type TokenCheck, timeText } from './token-checks.ts'

/** What the gate would do with a request, and why. In snake_case: it is what `--output json` prints. */
export interface Explanation {
  readonly decision: Decision
  readonly reason: Reason
  readonly why: string
  /** Of the token; `null` when none was read. */
  readonly signature: CheckVerdict | 'verified' | null
  /** That was asked; `null`: offline, none was. */
  readonly node: string | null
  /** Of the policy. */
  readonly revision: string
  readonly request: ExplainedRequest
  /** That the request went through, in order; the last one decided. */
  readonly phases: readonly string[]
  readonly route: ListedRoute | null
  /** Where no route matched: those that were perhaps meant. */
  readonly nearest: readonly ListedRoute[]
  /** `null` when the exchange did not get so far. */
  readonly addresses: { readonly listed: boolean; readonly permitted: boolean } | null
  readonly token: TokenView | null
  /** `null` on a public route, and where none matched. */
  readonly requirement: RequirementVerdict | null
  /** What the route tries out beside it, without effect, and the verdict as the log has it; `null` when there is none. */
  readonly shadow: { readonly verdict: ShadowVerdict | null; readonly requirement: RequirementVerdict } | null
  /** That count on the route; `null` where none matched. */
  readonly limits: readonly LimitView[] | null
  readonly service_receives: ServiceView | null
  /** Of the gate itself; `null` when the service would reply. */
  readonly reply: ReplyView | null
  /** What failed, in words for operators; `null`: nothing. */
  readonly fault: string | null
}

interface ExplainedRequest {
  readonly method: string
  readonly host: string
  /** In normal form; `null` when it has none. */
  readonly path: string | null
  readonly address: string
  readonly at: string
}

interface TokenView {
  readonly issuer: { readonly name: string; readonly issuer: string } | null
  readonly checks: readonly TokenCheck[]
  /** Keys of the document given that do not count for this issuer. */
  readonly ignored_keys: readonly IgnoredKey[]
  /** What it says; believed only when every check has passed. `null` when it says nothing that holds. */
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
  /** `null`: not evaluated, since nobody's token was accepted. */
  readonly met: boolean | null
  readonly reason: Reason | null
  readonly parts: readonly RequirementVerdict[]
}

interface ReplyView {
  readonly status: number
  readonly code: string
  readonly challenge: string | null
  readonly fields: readonly Field[]
  /** The connection ends with it. */
  readonly closes: boolean
}

/** Says what came of a request that was only thought of. */
export async function explanationOf(outcome: Outcome, explainer: Explainer): Promise<Explanation> {
  const { exchange: x, forwarded } = outcome
  const { snapshot } = x.gate.runtime
  const token = tokenView(x, explainer)
  return {
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
      address: formatAddress(x.address),
      at: new Date(x.nowMs).toISOString(),
    },
    phases: outcome.phases,
    route: x.route === undefined ? null : listedRoute(x.route),
    nearest: nearestTo(x),
    addresses: addressView(outcome),
    token,
    requirement: evaluate(x.route?.requirement, x),
    shadow: shadowView(x),
    limits: await limitViews(x, outcome.phases, explainer.count),
    service_receives: forwarded === undefined ? null : serviceView(x, forwarded),
    reply: replyView(outcome),
    fault: x.faultMessage ?? null,
  }
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

function addressView({ exchange: { route, address }, phases }: Outcome): Explanation['addresses'] {
  if (route === undefined || !phases.includes(checkAddress.name)) return null
  const { addresses } = route
  return { listed: addresses !== undefined, permitted: addresses?.permits(address) ?? true }
}

function tokenView(x: Exchange, explainer: Explainer): TokenView | null {
  if (x.credential === '') return null
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

/** Every part is evaluated, also where the gate would have stopped before. */
function verdictOf(requirement: Requirement, x: Exchange): RequirementVerdict {
  const denied = x.facts === undefined ? undefined : requirement.evaluate(x)
  return {
    demand: requirement.demand,
    met: x.facts === undefined ? null : denied === undefined,
    reason: denied?.reason ?? null,
    parts: requirement.parts.map((part) => verdictOf(part, x)),
  }
}

function replyView({ exchange: x, refusal, challenge, answer }: Outcome): ReplyView | null {
  if (refusal !== undefined) {
    const { status, code } = refusal
    const fields = [...refusal.fields, ...x.originFields]
    return { status, code, challenge: challenge ?? null, fields, closes: x.close }
  }
  if (answer === undefined) return null
  return { status: answer.status, code: 'answered', challenge: null, fields: answer.fields, closes: x.close }
}

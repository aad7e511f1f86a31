import { formatAddress } from '../base/addresses.ts'
import { decisionOf } from '../base/decision.ts'
import { grpcCodeOf } from '../base/grpc-code.ts'
import { reasons } from '../base/reasons.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'
import { checkAddress } from '../pipeline/phases/check-address.ts'
import type { Requirement } from '../policy/snapshot.ts'
import type { DryRunOutcome } from './dry-run.ts'
import { sessionViewOf } from './explained-session.ts'
import type { Explainer } from './explainer.ts'
import type { Explanation, ReplyView, RequirementVerdict, TokenView } from './explanation.ts'
import { firstStepOf } from './first-step.ts'
import { limitViews } from './limit-view.ts'
import { type ListedRoute, listedRoute, routesNear, routesOfHostsNear } from './nearest-routes.ts'
import { serviceView } from './service-view.ts'
import { checkToken, timeText } from './token-checks.ts'

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
    on_outage: x.route?.onOutage ?? null,
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

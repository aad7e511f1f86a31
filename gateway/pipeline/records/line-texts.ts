import { quotedText } from '../../audit/record-line.ts'
import { decisionOf } from '../../base/decision.ts'
import { flatString, quoted } from '../../base/json-text.ts'
import { type Reason, reasons } from '../../base/reasons.ts'
import type { LogTexts, TokenFacts } from '../../oauth/token-facts.ts'
import type { Route } from '../../policy/snapshot.ts'
import type { UpstreamTarget } from '../../upstream/target.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { recordedHost } from './recorded-host.ts'

// Text that many lines of the access log and the audit log share. It is built once and stored as one flat string,
// because the cost of a line grows with the number of its pieces.

/** Host and method of the last request on a route, and the cached log text that was built for them. */
interface Asked {
  host: string
  method: string
  texts: Readonly<LogTexts>
}

/** Cached log text for a route. A route belongs to one policy snapshot of one node. */
interface RouteTexts extends Readonly<LogTexts> {
  readonly asked: Asked
}

/** Maximum length of host and method in a record, characters. A host name has at most 253 (RFC 1035 §2.3.4). */
const ASKED_MAX = 256

const routes = new WeakMap<Route, RouteTexts>()
const unrouted = neverAsked()
const targets = new WeakMap<UpstreamTarget, Readonly<LogTexts>>()

function neverAsked(): Asked {
  return { host: '', method: '', texts: textsAsking('', '') }
}

/**
 * Returns the cached log text about a route.
 *
 * @param x  an exchange of the route
 */
export function routeTexts(route: Route, x: Exchange): RouteTexts {
  const known = routes.get(route)
  if (known !== undefined) return known
  const revision = `revision":"${x.runtime!.snapshot.revision}"`
  const [service, id] = [quoted(route.service.id), quoted(route.id)]
  let audit = `"kind":"exchange","gatehouse.node":${quoted(x.gate.node)},"gatehouse.service":${service}`
  audit += `,"gatehouse.route":${id},"gatehouse.policy.${revision}`
  const texts = {
    ...onePieceEach(audit, `,"service":${service},"route":${id},"${revision}`),
    asked: neverAsked(),
  }
  routes.set(route, texts)
  return texts
}

/**
 * Returns the log text with the host and method, up to the start of the path value. Cached per route, because most
 * exchanges of a route have the same host and method.
 *
 * @param route  `undefined` when the exchange has no route
 */
export function requestTexts(route: RouteTexts | undefined, x: Exchange): Readonly<LogTexts> {
  const asked = route?.asked ?? unrouted
  const host = recordedHost(x)
  const { method } = x
  if (asked.host !== host || asked.method !== method) {
    asked.texts = textsAsking(host, method)
    asked.host = host
    asked.method = method
  }
  return asked.texts
}

function textsAsking(host: string, method: string): Readonly<LogTexts> {
  return onePieceEach(
    `"server.address":${quotedText(host, ASKED_MAX)},"http.request.method":${quotedText(method, ASKED_MAX)},"url.path":"`,
    `"method":${quoted(method)},"host":${quoted(host)},"path":"`,
  )
}

/** Returns the log text that identifies the caller, for an exchange with a token. */
export function subjectTexts(facts: TokenFacts): Readonly<LogTexts> {
  const { texts } = facts
  if (texts.audit !== '') return texts
  const { issuer, subject, client, sessionId } = facts
  let audit = `,"gatehouse.issuer":${quoted(issuer.issuer)},"user.id":${quotedText(subject)}`
  if (client !== undefined) audit += `,"gatehouse.client":${quotedText(client)}`
  if (sessionId !== undefined) audit += `,"session.id":${quotedText(sessionId)}`
  const access = `,"issuer":${quoted(issuer.name)},"subject":${quoted(subject)}`
  Object.assign(texts, onePieceEach(audit, client === undefined ? access : `${access},"client":${quoted(client)}`))
  return texts
}

const outcomes = Object.fromEntries(
  (Object.keys(reasons) as Reason[]).map((reason) => {
    const decision = decisionOf(reason)
    const audit = `","gatehouse.decision":"${decision}","gatehouse.reason":"${reason}","http.response.status_code":`
    return [reason, onePieceEach(audit, `","decision":"${decision}","reason":"${reason}","status":`)]
  }),
) as Readonly<Record<Reason, Readonly<LogTexts>>>

/** Returns the log text of the decision and reason, up to the start of the status number. */
export function outcomeTexts(reason: Reason): Readonly<LogTexts> {
  return outcomes[reason]
}

/** Returns the cached log text of an upstream: its origin, in the access log followed by its address. */
export function targetTexts(target: UpstreamTarget): Readonly<LogTexts> {
  let texts = targets.get(target)
  if (texts === undefined) {
    const { origin, peer } = target
    const address = peer === undefined ? '' : `,"upstream_address":"${peer}"`
    texts = onePieceEach(`"${origin}"`, `"${origin}"${address}`)
    targets.set(target, texts)
  }
  return texts
}

function onePieceEach(audit: string, access: string): Readonly<LogTexts> {
  return { audit: flatString(audit), access: flatString(access) }
}

import { quotedText, TARGET_MAX } from '../audit/record-line.ts'
import { decisionOf } from '../base/decision.ts'
import { isoTime, msText, quoted } from '../base/json-text.ts'
import type { Route } from '../policy/snapshot.ts'
import { addressText } from './address-text.ts'
import type { Exchange } from './exchange.ts'
import { recordedHost } from './recorded-host.ts'
import { recordedQuery } from './recorded-query.ts'
import { traceIdOf } from './trace-context.ts'

/**
 * The record of an exchange, without its id. By template: what repeats is known to be clean, and everything that somebody
 * else wrote goes through `quotedText`.
 */
export function auditLine(x: Exchange): string {
  const now = performance.now()
  const { facts, session, route, head, downstream } = x
  const forwarded = x.forwardedAt === 0 ? now : x.forwardedAt
  let line = `"time":"${isoTime(x.nowMs)}","kind":"exchange","gatehouse.node":${quoted(x.gate.node)}`
  line +=
    route === undefined
      ? `,"gatehouse.policy.revision":"${x.gate.runtime.snapshot.revision}"`
      : routeText(route, x.runtime!.snapshot.revision)
  if (facts !== undefined) {
    line += `,"gatehouse.issuer":${quoted(facts.issuer.issuer)},"user.id":${quotedText(facts.subject)}`
    if (facts.client !== undefined) line += `,"gatehouse.client":${quotedText(facts.client)}`
    if (facts.sessionId !== undefined) line += `,"session.id":${quotedText(facts.sessionId)}`
  } else if (session !== undefined) {
    line += `,"gatehouse.issuer":${quoted(session.issuer)},"user.id":${quotedText(session.subject)}`
    line += `,"session.id":"${session.id}"`
  }
  line += `,"client.address":"${addressText(x.address)}"`
  const agent = head.field('user-agent')
  if (agent !== undefined) line += `,"user_agent.original":${quotedText(agent)}`
  line += `,"server.address":${quotedText(recordedHost(x))},"http.request.method":${quotedText(x.method)}`
  line += `,"url.path":${quotedText(x.path === '' ? head.target : x.path, TARGET_MAX)}`
  if (route?.audit.query === true && x.query !== undefined) {
    line += `,"url.query":${quotedText(recordedQuery(x.query), TARGET_MAX)}`
  }
  if (x.checkPath !== undefined) line += `,"gatehouse.check":"${x.checkPath}"`
  line += `,"gatehouse.request.id":"${x.id}"`
  const trace = traceIdOf(x)
  if (trace !== undefined) line += `,"trace_id":"${trace}"`
  line += `,"gatehouse.decision":"${decisionOf(x.reason)}","gatehouse.reason":"${x.reason}"`
  line += `,"http.response.status_code":${x.status}`
  if (x.limit !== undefined) line += `,"gatehouse.limit":${quoted(x.limit)}`
  if (x.shadow !== undefined) line += `,"gatehouse.shadow":"${x.shadow}"`
  if (x.shadowLimit !== undefined) line += `,"gatehouse.shadow_limit":${quoted(x.shadowLimit)}`
  if (x.faultMessage !== undefined) line += `,"gatehouse.fault":${quotedText(x.faultMessage)}`
  line += `,"http.request.body.size":${downstream.bytesIn},"http.response.body.size":${downstream.bytesOut}`
  line += `,"gatehouse.gate_ms":${msText(forwarded - x.startedAt)},"gatehouse.total_ms":${msText(now - x.startedAt)}`
  if (x.target !== undefined) {
    line += `,"gatehouse.upstream":"${x.target.origin}"`
    if (x.attempts > 1) line += `,"gatehouse.attempts":${x.attempts}`
    if (x.repliedAt !== 0) line += `,"gatehouse.upstream_ms":${msText(x.repliedAt - x.forwardedAt)}`
  }
  return `${line}}`
}

const routeTexts = new WeakMap<Route, string>()

/** What is the same for every exchange of a route, which belongs to one snapshot. */
function routeText(route: Route, revision: string): string {
  let text = routeTexts.get(route)
  if (text === undefined) {
    text = `,"gatehouse.service":${quoted(route.service.id)},"gatehouse.route":${quoted(route.id)}`
    text += `,"gatehouse.policy.revision":"${revision}"`
    routeTexts.set(route, text)
  }
  return text
}

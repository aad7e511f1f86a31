import { performance } from 'node:perf_hooks'
import { escapedBytes, escapedText, quotedText, TARGET_MAX } from '../../audit/record-line.ts'
import { decisionOf } from '../../base/decision.ts'
import { isoTime, msText, quoted } from '../../base/json-text.ts'
import type { NamedSession } from '../../sessions/session.ts'
import { addressText } from '../client-address/address-text.ts'
import type { ClientSocket } from '../exchange/client-socket.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { traceIdOf } from '../exchange/trace-context.ts'
import { decisionFactsText } from './decision-facts-text.ts'
import { outcomeTexts, requestTexts, routeTexts, subjectTexts, targetTexts } from './line-texts.ts'
import { recordedQuery } from './recorded-query.ts'

/**
 * Maximum length of the path and of the user agent in the audit record of a refusal without a route, bytes.
 * Unauthenticated clients choose these texts, so the record truncates them.
 */
const UNROUTED_MAX_BYTES = 256

/**
 * Builds the audit record of an exchange, without its id. Uses string templates: repeated parts are already escaped,
 * and every text from outside passes through an escape function.
 */
export function auditLine(x: Exchange): string {
  const now = performance.now()
  const { facts, route, head, downstream } = x
  const forwarded = x.forwardedAt === 0 ? now : x.forwardedAt
  const texts = route === undefined ? undefined : routeTexts(route, x)
  let line = `"time":"${isoTime(x.arrivedMs)}",${texts === undefined ? gateText(x) : texts.audit}`
  if (facts !== undefined) line += subjectTexts(facts).audit
  else line += sessionText(x.session ?? x.namedSession)
  if (x.clientCertificate !== undefined) line += `,"tls.client.hash.sha256":"${x.clientCertificate.fingerprint}"`
  line += `,"client.address":"${addressText(x.address)}",`
  const agent = head.field('user-agent')
  const path = x.path === '' ? head.target : x.path
  if (texts === undefined && decisionOf(x.reason) === 'refused') {
    if (agent !== undefined) line += `"user_agent.original":"${escapedBytes(agent, UNROUTED_MAX_BYTES)}",`
    line += requestTexts(texts, x).audit + escapedBytes(path, UNROUTED_MAX_BYTES)
  } else {
    if (agent !== undefined) line += `"user_agent.original":"${escapedText(agent)}",`
    line += requestTexts(texts, x).audit + escapedText(path, TARGET_MAX)
  }
  if (route?.audit.query === true && x.query !== undefined) {
    line += `","url.query":"${escapedText(recordedQuery(x.query), TARGET_MAX)}`
  }
  if (x.checkPath !== undefined) line += `","gatehouse.check":"${x.checkPath}`
  line += `","gatehouse.request.id":"${x.id}`
  const trace = traceIdOf(x)
  if (trace !== undefined) line += `","trace_id":"${trace}`
  line += outcomeTexts(x.reason).audit + x.status
  if (head.version === '2') line += http2Text(x)
  if (x.limit !== undefined) line += `,"gatehouse.limit":${quoted(x.limit)}`
  if (x.streamEnd !== undefined) line += `,"gatehouse.stream.end":"${x.streamEnd}"`
  if (x.shadow !== undefined) line += `,"gatehouse.shadow":"${x.shadow}"`
  if (x.shadowLimit !== undefined) line += `,"gatehouse.shadow_limit":${quoted(x.shadowLimit)}`
  if (x.faultMessage !== undefined) line += `,"gatehouse.fault":${quotedText(x.faultMessage)}`
  if (x.gate.recordsFacts) line += decisionFactsText(x)
  if (x.socket !== undefined) line += socketText(x.socket, x.settled)
  line += `,"http.request.body.size":${downstream.bytesIn},"http.response.body.size":${downstream.bytesOut}`
  line += `,"gatehouse.gate_ms":${msText(forwarded - x.startedAt)},"gatehouse.total_ms":${msText(now - x.startedAt)}`
  if (x.target !== undefined) {
    line += `,"gatehouse.upstream":${targetTexts(x.target).audit}`
    if (x.attempts > 1) line += `,"gatehouse.attempts":${x.attempts}`
    if (x.repliedAt !== 0) line += `,"gatehouse.upstream_ms":${msText(x.repliedAt - x.forwardedAt)}`
  }
  return `${line}}`
}

/** Returns the part of the audit record that only an exchange over HTTP/2 has. */
function http2Text({ downstream: { grpcStatus } }: Exchange): string {
  const text = ',"network.protocol.version":"2"'
  return grpcStatus === undefined ? text : `${text},"rpc.grpc.status_code":${grpcStatus}`
}

/**
 * Returns the part of the audit record that only a WebSocket has. A WebSocket gets two records: one when it is opened,
 * one after it has ended.
 */
function socketText({ messagesIn, messagesOut, closeCode }: ClientSocket, ended: boolean): string {
  if (!ended) return ',"gatehouse.stream.event":"opened"'
  const text = `,"gatehouse.stream.event":"ended","gatehouse.stream.ended_at":"${isoTime(Date.now())}"`
  const code = closeCode === undefined ? '' : `,"gatehouse.stream.close_code":${closeCode}`
  return `${text}${code},"gatehouse.stream.messages_in":${messagesIn},"gatehouse.stream.messages_out":${messagesOut}`
}

function sessionText(session: NamedSession | undefined): string {
  if (session === undefined) return ''
  const { issuer, subject, id } = session
  let text = issuer === undefined ? '' : `,"gatehouse.issuer":${quoted(issuer)}`
  if (subject !== undefined) text += `,"user.id":${quotedText(subject)}`
  if (id !== undefined) text += `,"session.id":${quotedText(id)}`
  return text
}

/** Returns the first part of the audit record of an exchange without a route. */
function gateText({ gate }: Exchange): string {
  const { node, runtime } = gate
  return `"kind":"exchange","gatehouse.node":${quoted(node)},"gatehouse.policy.revision":"${runtime.snapshot.revision}"`
}

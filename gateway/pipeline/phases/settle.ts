import { performance } from 'node:perf_hooks'
import { escapeJson, flatString, isoTime, msText, quoted } from '../../base/json-text.ts'
import { prettyValue, printable } from '../../base/pretty-text.ts'
import { addressText } from '../client-address/address-text.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { FinalPhase } from '../exchange/phase.ts'
import { traceIdOf } from '../exchange/trace-context.ts'
import { auditLine } from '../records/audit-line.ts'
import { outcomeTexts, requestTexts, routeTexts, subjectTexts, targetTexts } from '../records/line-texts.ts'
import { recordAudit } from '../records/record-audit.ts'
import { recordExchange } from '../records/record-exchange.ts'

/**
 * Ends every exchange: updates counters, adds the exchange to the audit log, records its trace if the trace is
 * selected, and writes one access-log line with the reason. Audit log, traces and access log can each be off. Runs
 * exactly once for each exchange, with any outcome.
 */
export const settle: FinalPhase = {
  name: 'settle',
  run(x) {
    const { traffic, audit, tracer, accessLog } = x.gate
    traffic.count(x)
    const recorded = audit === undefined ? undefined : recordAudit(x, audit)
    if (tracer !== undefined) recordExchange(x, tracer)
    const { format, lines } = accessLog
    if (format === 'json') lines.line(jsonLine(x))
    else if (format === 'audit') lines.line(`${auditLineStart}${recorded ?? auditLine(x)}`)
    else if (format === 'pretty') lines.line(prettyLine(x))
  },
}

/**
 * Start of an access-log line with the fields of the audit record. The line has no record id: an exchange has a line
 * also if its record was aggregated or lost.
 */
const auditLineStart = '{"level":"info","msg":"exchange",'

/**
 * Builds the access-log line from templates: repeated parts are already escaped, and all other text passes through an
 * escape function. The query is never recorded.
 */
function jsonLine(x: Exchange): string {
  const now = performance.now()
  const { facts, route, head } = x
  const forwarded = x.forwardedAt === 0 ? now : x.forwardedAt
  const texts = route === undefined ? undefined : routeTexts(route, x)
  let line = `{"time":"${isoTime(x.arrivedMs)}${nodeText(x.gate.node)}${x.id}`
  line += `${outcomeTexts(x.reason).access}${x.status},`
  if (head.version === '2') line += http2Text(x)
  line += requestTexts(texts, x).access
  line += `${escapeJson(x.path === '' ? head.target : x.path)}"`
  if (texts !== undefined) line += texts.access
  if (facts !== undefined) line += subjectTexts(facts).access
  if (x.checkPath !== undefined) line += ',"check":true'
  if (x.streamEnd !== undefined) line += `,"stream_end":"${x.streamEnd}"`
  if (x.socket !== undefined) {
    const { messagesIn, messagesOut, closeCode } = x.socket
    line += `,"messages_in":${messagesIn},"messages_out":${messagesOut}`
    if (closeCode !== undefined) line += `,"close_code":${closeCode}`
  }
  if (x.shadow !== undefined) line += `,"shadow":"${x.shadow}"`
  if (x.limit !== undefined) line += `,"limit":"${x.limit}"`
  if (x.shadowLimit !== undefined) line += `,"shadow_limit":"${x.shadowLimit}"`
  line += `,"address":"${addressText(x.address)}","bytes_in":${x.downstream.bytesIn},"bytes_out":${x.downstream.bytesOut}`
  line += `,"gate_ms":${msText(forwarded - x.startedAt)},"total_ms":${msText(now - x.startedAt)}`
  if (x.target !== undefined) {
    line += `,"upstream":${targetTexts(x.target).access},"attempts":${x.attempts}`
    if (x.repliedAt !== 0) line += `,"upstream_ms":${msText(x.repliedAt - x.forwardedAt)}`
  }
  const trace = traceIdOf(x)
  if (trace !== undefined) line += `,"trace_id":"${trace}"`
  if (x.spanId !== '') line += `,"span_id":"${x.spanId}"`
  if (x.faultMessage !== undefined) line += `,"fault":${quoted(x.faultMessage)}`
  return `${line}}`
}

/** Returns the part of the access-log line that only an exchange over HTTP/2 has. */
function http2Text({ downstream: { grpcStatus } }: Exchange): string {
  return grpcStatus === undefined ? '"http_version":"2",' : `"http_version":"2","grpc_status":${grpcStatus},`
}

let lastNode = ''
let lastNodeText = ''

/**
 * Returns the part of the access-log line that contains the node's name. A cache of one entry is enough, because a
 * process runs one node.
 */
function nodeText(node: string): string {
  if (node !== lastNode) {
    lastNode = node
    lastNodeText = flatString(`","level":"info","msg":"exchange","node":${quoted(node)},"id":"`)
  }
  return lastNodeText
}

function prettyLine(x: Exchange): string {
  const time = isoTime(x.arrivedMs).slice(11, 23)
  const took = msText(performance.now() - x.startedAt)
  const who = x.facts === undefined ? '-' : prettyValue(x.facts.subject)
  const where = x.route === undefined ? '-' : x.route.id
  const path = prettyValue(x.path === '' ? x.head.target : x.path)
  const fault = x.faultMessage === undefined ? '' : ` (${printable(x.faultMessage)})`
  return `${time} ${x.status} ${prettyValue(x.method)} ${path} ${where} ${who} ${took}ms ${x.reason}${fault}`
}

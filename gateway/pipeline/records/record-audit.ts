import { type Decision, decisionOf } from '../../base/decision.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Gate } from '../gate.ts'
import { auditLine } from './audit-line.ts'

/**
 * Adds the record of an exchange to the audit log. Refusals without a route, and refusals of an overloaded node, that
 * exceed a rate are aggregated into a shared record.
 *
 * @returns the record without its id; `undefined` when the exchange was aggregated
 */
export function recordAudit(x: Exchange, audit: NonNullable<Gate['audit']>): string | undefined {
  const decision = decisionOf(x.reason)
  const isAggregated = (x.route === undefined && decision === 'refused') || x.reason === 'overloaded'
  if (isAggregated && audit.aggregate(x)) return undefined
  const line = auditLine(x)
  audit.add(line, hasPriority(x, decision), x.auditReserved)
  return line
}

/**
 * Adds a record of a WebSocket that was opened, so that the audit log shows the WebSocket while it is open, and even if
 * the node fails. This record uses the space that was reserved, because a WebSocket would otherwise occupy the reserved
 * space for hours.
 */
export function recordOpened(x: Exchange, audit: NonNullable<Gate['audit']>): void {
  audit.add(auditLine(x), true, x.auditReserved)
  x.auditReserved = false
}

/**
 * Whether the audit record has priority. Exchanges that passed every check, and logins and logouts of a session have
 * priority. Records that unauthenticated clients cause must not displace records with priority.
 */
function hasPriority(x: Exchange, decision: Decision): boolean {
  if (decision === 'admitted') return true
  if (decision === 'answered') return (x.session ?? x.namedSession) !== undefined
  // Give priority to a request for which an upstream was selected: it was admitted, even if the service failed or the
  // client disconnected later.
  return decision !== 'refused' && x.target !== undefined
}

import { type Decision, decisionOf } from '../base/decision.ts'
import { auditLine } from './audit-line.ts'
import type { Exchange } from './exchange.ts'
import type { Gate } from './gate.ts'

/** Adds the record of an exchange to the audit log; a refusal without a route above the rate shares a record with others. */
export function recordAudit(x: Exchange, audit: NonNullable<Gate['audit']>): void {
  const decision = decisionOf(x.reason)
  if (x.route === undefined && decision === 'refused' && audit.aggregate(x)) return
  audit.add(auditLine(x), hasPriority(x, decision), x.auditReserved)
}

/** Exchanges that passed every check, and logins and logouts of a session: what strangers cause must not displace them. */
function hasPriority(x: Exchange, decision: Decision): boolean {
  if (decision === 'admitted') return true
  if (decision === 'answered') return (x.session ?? x.namedSession) !== undefined
  // Admitted, and then the service failed or the client went away.
  return decision !== 'refused' && x.target !== undefined
}

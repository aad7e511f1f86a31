import { AuditRefused } from '../audit/audit-service.ts'
import { GatewayFault } from '../base/fault.ts'
import { LimitRefused } from '../limits/limit-service.ts'
import { RevocationRefused } from '../revocation/revocation-order.ts'
import { ApiProblem } from './api-problem.ts'

export interface ExplainedError {
  readonly problem: ApiProblem
  /** Explanation of an admin API error, for the log line and the audit record of the call. */
  readonly fault?: string
  /** Stack trace for the log; set when the error is a bug of Gatehouse. */
  readonly bug?: string
}

/** Converts an error of an operation or of fastify into the problem document that the caller gets. */
export function problemOf(error: unknown): ExplainedError {
  if (error instanceof ApiProblem) return { problem: error }
  if (error instanceof RevocationRefused) {
    return { problem: new ApiProblem(error.code, error.message, { hint: error.hint }) }
  }
  if (error instanceof AuditRefused || error instanceof LimitRefused) {
    return { problem: new ApiProblem(error.code, error.message) }
  }
  if (error instanceof GatewayFault && error.reason !== 'node-fault') {
    // The message of a fault is only for operators. The caller may see it, because the caller is authenticated as an
    // operator.
    const problem = new ApiProblem('unavailable', error.message, { fields: { 'retry-after': '1' } })
    return { problem, fault: error.message }
  }
  const detail = 'the call failed because of a bug in Gatehouse; the log has the cause under the id in `instance`'
  return { problem: new ApiProblem('internal_error', detail), bug: describe(error) }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : 'a thrown value that is no Error'
}

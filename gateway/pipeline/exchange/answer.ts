import type { HeaderField } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import type { AdmittedCheck } from '../../ext-authz/check-response.ts'
import type { LoginReply } from '../../login/login-reply.ts'

/** A reply that the gate makes itself: keys, resource metadata, login pages, or the result of a forward-auth check. */
export interface Answer<R extends Reason = Reason> {
  readonly answer: true
  /** Reason in the access log, the audit record and the metrics. */
  readonly reason: R
  readonly status: number
  readonly fields: readonly HeaderField[]
  readonly body: string
  /**
   * Only set when a forward-auth check is admitted: the same content as `fields`, for a proxy that does not receive the
   * reply as HTTP fields.
   */
  readonly check?: AdmittedCheck
}

/** Builds a reply with status 200 and a JSON document. */
export function jsonAnswer(document: string, fields: readonly HeaderField[] = []): Answer<'answered'> {
  return {
    answer: true,
    reason: 'answered',
    status: 200,
    fields: [['content-type', 'application/json'], ...fields],
    body: document,
  }
}

export function ownAnswer<R extends LoginReply['reason']>({ reason, status, fields, body }: LoginReply<R>): Answer<R> {
  return { answer: true, reason, status, fields, body }
}

import type { Field } from '../base/denial.ts'
import type { Reason } from '../base/reasons.ts'
import type { LoginReply } from '../login/login-reply.ts'

/** A reply of the gate's own: keys, resource metadata, pages of a login, the verdict on what a proxy asks about. */
export interface Answer {
  readonly answer: true
  /** For the record. */
  readonly reason: Reason
  readonly status: number
  readonly fields: readonly Field[]
  readonly body: string
}

/** A JSON document that anybody may read. */
export function jsonAnswer(document: string, fields: readonly Field[] = []): Answer {
  return {
    answer: true,
    reason: 'answered',
    status: 200,
    fields: [['content-type', 'application/json'], ...fields],
    body: document,
  }
}

export function ownAnswer({ reason, status, fields, body }: LoginReply): Answer {
  return { answer: true, reason, status, fields, body }
}

import type { Field } from '../base/denial.ts'

/** A reply of the gate's own: keys, resource metadata, the verdict on what a proxy asks about. */
export interface Answer {
  readonly answer: true
  /** For the record. */
  readonly reason: 'answered' | 'admitted'
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

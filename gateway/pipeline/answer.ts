import type { Field } from '../base/denial.ts'

/** A reply of the gate's own: keys, resource metadata. */
export interface Answer {
  readonly answer: true
  readonly status: number
  readonly fields: readonly Field[]
  readonly body: string
}

/** A JSON document that anybody may read. */
export function jsonAnswer(document: string, fields: readonly Field[] = []): Answer {
  return {
    answer: true,
    status: 200,
    fields: [['content-type', 'application/json'], ...fields],
    body: document,
  }
}

/** Fields of an audit record by name (docs/reference/audit-fields.md). A field that does not apply is absent. */
export interface RecordFields {
  readonly id: string
  /** Time of the audit record: RFC 3339, UTC, with milliseconds. */
  readonly time: string
  readonly kind: string
  readonly [field: string]: string | number | undefined
}

/** One audit record: its original JSON line, and the parsed form. */
export interface ShippedRecord {
  readonly line: string
  readonly record: RecordFields
}

/** Audit records of one entry of the Redis stream, to be shipped together with their seal. */
export interface ShippedBatch {
  readonly records: readonly ShippedRecord[]
  /** Seal line of the audit batch; `undefined` when `records` is only a part of a batch. */
  readonly seal: string | undefined
}

/** An audit record that the receiver rejected permanently, with the reason. */
export interface RejectedRecord {
  readonly record: ShippedRecord
  readonly reason: string
}

/** An audit sink: a destination for audit records. */
export interface Sink {
  /**
   * Delivers audit records in order. The same records can be delivered more than once.
   *
   * @returns the records that the receiver rejected permanently; it has accepted all others
   * @throws {SinkFault} when the delivery failed; the caller sends all records again later
   */
  send(batches: readonly ShippedBatch[]): Promise<readonly RejectedRecord[]>
  /**
   * Delivered records that may be lost without notice. Only set for a receiver that does not acknowledge records.
   * `records`: maximum number of the newest records that one interruption can lose. `times`: number of interruptions so
   * far; the start of the worker counts as one.
   */
  readonly doubt?: { readonly records: number; readonly times: number }
  close(): Promise<void>
}

/**
 * The receiver of audit records is unavailable, rejects the worker, or is overloaded. The message is for operators and
 * contains no secrets.
 */
export class SinkFault extends Error {
  override readonly name = 'SinkFault'
  /** `Retry-After` in the reply of the audit receiver, ms; 0 when the reply has no such field. */
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs = 0) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * Converts any error to a SinkFault. Node throws an AggregateError when every address of a host name failed: the
 * messages of its errors are joined.
 */
export function faultOf(error: unknown): SinkFault {
  if (error instanceof SinkFault) return error
  if (error instanceof AggregateError)
    return new SinkFault(error.errors.map((each) => faultOf(each).message).join('; '))
  return new SinkFault(error instanceof Error ? error.message : String(error))
}

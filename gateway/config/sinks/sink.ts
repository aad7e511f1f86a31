/** Fields of an audit record by name (docs/reference/audit-fields.md). Absent fields do not apply. */
export interface RecordFields {
  readonly id: string
  /** RFC 3339, UTC, ms. */
  readonly time: string
  readonly kind: string
  readonly [field: string]: string | number | undefined
}

/** One audit record: its original line, and the parsed record. */
export interface ShippedRecord {
  readonly line: string
  readonly record: RecordFields
}

/** Records of one stream entry to ship, with their seal. */
export interface ShippedBatch {
  readonly records: readonly ShippedRecord[]
  /** Seal line of the batch; `undefined` when the records are not a whole batch. */
  readonly seal: string | undefined
}

/** A record that the receiver rejected permanently, with the reason. */
export interface RejectedRecord {
  readonly record: ShippedRecord
  readonly reason: string
}

/** A destination for audit records. */
export interface Sink {
  /**
   * Delivers records in order. The same records may be delivered more than once.
   *
   * @returns the records that the receiver rejected permanently; it has accepted all others
   * @throws {SinkFault} when the delivery failed; the caller sends all records again later
   */
  send(batches: readonly ShippedBatch[]): Promise<readonly RejectedRecord[]>
  /**
   * Only for a receiver that does not acknowledge records. After each interruption the last `records` records may be
   * lost; `times` counts interruptions, including the start of the worker.
   */
  readonly doubt?: { readonly records: number; readonly times: number }
  close(): Promise<void>
}

/** The receiver is unavailable, rejects the worker, or is overloaded. The message is for operators, without secrets. */
export class SinkFault extends Error {
  override readonly name = 'SinkFault'
  /** `Retry-After` of the receiver, ms; 0 without one. */
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs = 0) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/** Converts any error to a SinkFault. Joins the messages of an AggregateError: a name whose addresses all failed. */
export function faultOf(error: unknown): SinkFault {
  if (error instanceof SinkFault) return error
  if (error instanceof AggregateError)
    return new SinkFault(error.errors.map((each) => faultOf(each).message).join('; '))
  return new SinkFault(error instanceof Error ? error.message : String(error))
}

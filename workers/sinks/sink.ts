import type { AuditRecord } from '../../gateway/audit/record.ts'

/** One record, as it was written and as it reads. */
export interface ShippedRecord {
  readonly line: string
  readonly record: AuditRecord
}

/** What one entry of the log has for a sink. */
export interface ShippedBatch {
  readonly records: readonly ShippedRecord[]
  /** The line that vouches for all of them; `undefined` where they are not the whole of a batch. */
  readonly seal: string | undefined
}

/** A record that the receiver will never take, and why. */
export interface Refused {
  readonly record: ShippedRecord
  readonly reason: string
}

/** Where records are shipped to. */
export interface Sink {
  /**
   * Hands records over, in order. What it was handed before, it may be handed again.
   *
   * @returns what the receiver refuses for good; it has all the others
   * @throws {SinkFault} when it did not take all: everything is sent again later
   */
  send(batches: readonly ShippedBatch[]): Promise<readonly Refused[]>
  /** Where the receiver does not answer: how many of the last records may be lost, and how often that has happened. */
  readonly doubt?: { readonly records: number; readonly times: number }
  close(): Promise<void>
}

/** A receiver that is away, refuses us, or is too busy. The message is for operators, and holds no secret. */
export class SinkFault extends Error {
  override readonly name = 'SinkFault'
  /** So long the receiver wants to be left alone, ms. */
  readonly restMs: number

  constructor(message: string, restMs = 0) {
    super(message)
    this.restMs = restMs
  }
}

/** Several failed addresses of one name come as an error without a message of its own. */
export function faultOf(error: unknown): SinkFault {
  if (error instanceof SinkFault) return error
  if (error instanceof AggregateError)
    return new SinkFault(error.errors.map((each) => faultOf(each).message).join('; '))
  return new SinkFault(error instanceof Error ? error.message : String(error))
}

import type { AuditTrail } from '../audit/audit-trail.ts'
import { type AdminCall, callLine } from './call-line.ts'

/**
 * Writes a log line about the admin API.
 *
 * @param fields  fields of the log line, which must never contain tokens or secrets
 */
export type AdminLog = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void

/** Minimum time between two log lines with the number of admin API calls that got no log line themselves, ms. */
const SUMMARY_MS = 10_000

/**
 * Writes one log line and one audit record per call of the admin API. Counts the calls that get neither a log line nor
 * an audit record.
 */
export class CallLog {
  readonly #node: string
  readonly #trail: Pick<AuditTrail, 'add'> | undefined
  readonly #log: AdminLog
  #unrecorded = 0
  #unrecordedSummed = 0
  #summary: NodeJS.Timeout | undefined

  /** @param trail  audit log of the node; `undefined` when the node has no audit log */
  constructor(node: string, trail: Pick<AuditTrail, 'add'> | undefined, log: AdminLog) {
    this.#node = node
    this.#trail = trail
    this.#log = log
  }

  /**
   * Number of admin API calls since the start of the node that got neither an individual log line nor an audit record.
   */
  get unrecorded(): number {
    return this.#unrecorded
  }

  /** Writes the log line and the audit record of an admin API call that ended with `status`. */
  record(request: AdminCall, status: number): void {
    const { id, call, socket } = request
    const { operation, caller, problem, note } = call
    this.#log(status < 400 ? 'info' : 'warn', 'admin call', {
      id,
      operation: operation ?? null,
      status,
      problem,
      who: caller?.who ?? null,
      client: caller?.client,
      credential: caller?.credential,
      address: socket.remoteAddress,
      ...note,
    })
    // The audit record of an unidentified caller has no priority, so that it cannot displace other records.
    this.#trail?.add(callLine(request, { node: this.#node, status }), caller !== undefined)
  }

  /**
   * Counts an admin API call that gets neither an individual log line nor an audit record. Logs the number of such
   * calls: the first call immediately, further calls once per `SUMMARY_MS`.
   */
  leaveUnrecorded(): void {
    this.#unrecorded++
    if (this.#summary !== undefined) return
    this.#sumUp()
    this.#summary = setTimeout(() => {
      this.#summary = undefined
      if (this.#unrecorded > this.#unrecordedSummed) this.#sumUp()
    }, SUMMARY_MS).unref()
  }

  #sumUp(): void {
    const count = this.#unrecorded - this.#unrecordedSummed
    this.#unrecordedSummed = this.#unrecorded
    this.#log(
      'warn',
      'admin API calls of unauthenticated callers are only counted, not logged one by one: their rate is too high',
      {
        count,
      },
    )
  }
}

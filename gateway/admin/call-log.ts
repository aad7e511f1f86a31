import type { FastifyRequest } from 'fastify'
import type { AuditTrail } from '../audit/audit-trail.ts'
import { callLine } from './call-line.ts'

/** @param fields must never contain tokens or secrets */
export type AdminLog = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void

/** Interval at which calls without a separate log line are summarised in one log line, ms. */
const SUMMARY_MS = 10_000

/** Writes one log line and one audit record per call of the admin API. Counts the calls that get neither. */
export class CallLog {
  readonly #node: string
  readonly #trail: Pick<AuditTrail, 'add'> | undefined
  readonly #log: AdminLog
  #unrecorded = 0
  #unrecordedSummed = 0
  #summary: NodeJS.Timeout | undefined

  /** @param trail  `undefined`: the node has no audit log */
  constructor(node: string, trail: Pick<AuditTrail, 'add'> | undefined, log: AdminLog) {
    this.#node = node
    this.#trail = trail
    this.#log = log
  }

  /** Total calls without a separate log line and audit record. */
  get unrecorded(): number {
    return this.#unrecorded
  }

  /** Records a call that was processed or rejected with this status. */
  record(request: FastifyRequest, status: number): void {
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
    // A record of an unknown caller has no priority, so that it cannot displace other records.
    this.#trail?.add(callLine(request, { node: this.#node, status }), caller !== undefined)
  }

  /** Counts a call without recording it. Logs a summary: the first call at once, further calls once per `SUMMARY_MS`. */
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
    this.#log('warn', 'failed admin calls were not logged one by one', { count })
  }
}

import { performance } from 'node:perf_hooks'
import { pathOf } from './api-path.ts'
import { ApiProblem } from './api-problem.ts'
import type { AdminCall } from './call-line.ts'
import type { CallLog } from './call-log.ts'
import type { CallOrigin, FailedCalls } from './failed-calls.ts'
import { RepeatedReads } from './repeated-reads.ts'

/** Accounts for each call of the admin plane: log line, audit record, and the limit of failed calls of an address. */
export class CallAccounts {
  readonly #calls: CallLog
  readonly #failedCalls: FailedCalls
  readonly #reads = new RepeatedReads(() => performance.now())

  constructor(calls: CallLog, failedCalls: FailedCalls) {
    this.#calls = calls
    this.#failedCalls = failedCalls
  }

  /**
   * Number of admin API calls since the start of the node that got neither an individual log line nor an audit record.
   */
  get unrecorded(): number {
    return this.#calls.unrecorded
  }

  /**
   * Rejects a call whose client address has too many failed calls. The rejected call is only counted.
   *
   * @throws {ApiProblem} 429
   */
  requireBudget({ call }: AdminCall, presented: CallOrigin): void {
    if (!this.#failedCalls.exhausted(presented)) return
    call.limited = true
    this.#calls.leaveUnrecorded()
    const fields = { 'retry-after': String(this.#failedCalls.retryAfterS) }
    const detail = 'too many failed calls from this address; wait before the next call'
    throw new ApiProblem('too_many_requests', detail, { fields, close: true })
  }

  /**
   * Logs and audits an admin API call at its end. If the caller was not identified, charges the call to the client
   * address, and waits before the reply when this address has sent several invalid tokens.
   */
  async settle(admin: AdminCall, presented: CallOrigin, status: number): Promise<void> {
    const { call } = admin
    if (call.limited === true) return
    if (call.caller !== undefined) {
      this.#failedCalls.succeeded(presented)
      if (!this.#isRepeatedRead(admin, presented, status)) this.#calls.record(admin, status)
      return
    }
    // A fault of the gate (status 5xx) during an admin API call is not charged to the client address as a failed call.
    const { recorded, delayMs } =
      status < 500 ? this.#failedCalls.failed(presented) : { recorded: this.#failedCalls.mayRecord(), delayMs: 0 }
    if (recorded) this.#calls.record(admin, status)
    else this.#calls.leaveUnrecorded()
    await this.#failedCalls.delay(delayMs)
  }
  /** Whether a call of the console repeats a read that was recorded recently. Notes the number of earlier repetitions. */
  #isRepeatedRead({ method, originalUrl, call }: AdminCall, { token }: CallOrigin, status: number): boolean {
    if (status !== 200 || method !== 'GET' || !call.caller!.credential.startsWith('console session')) return false
    const repeats = this.#reads.count(`${token} ${pathOf(originalUrl)}`)
    if (repeats === undefined) return true
    if (repeats > 0) call.note = { ...call.note, repeats }
    return false
  }
}

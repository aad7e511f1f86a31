import { performance } from 'node:perf_hooks'
import type { Finding } from './finding.ts'
import { type DoctorSubject, runDoctor } from './run-doctor.ts'

/** Time for which the findings of one run of `gatehouse doctor` are reused, ms. */
const REUSE_MS = 10_000

/** Findings of one run of `gatehouse doctor`, and its start as ms since the epoch. */
export interface DoctorReport {
  readonly startedAtMs: number
  readonly findings: readonly Finding[]
}

/**
 * Runs the checks of `gatehouse doctor` on a node. Only one run takes place at a time: concurrent calls get the
 * findings of this run, and calls shortly after it too, so that calls of the admin API cannot flood issuers and
 * services with requests.
 */
export class Doctor {
  readonly #subject: () => DoctorSubject
  #last: { readonly report: Promise<DoctorReport>; endedMs: number } | undefined

  constructor(subject: () => DoctorSubject) {
    this.#subject = subject
  }

  run(): Promise<DoctorReport> {
    if (this.#last !== undefined && performance.now() < this.#last.endedMs + REUSE_MS) return this.#last.report
    const startedAtMs = Date.now()
    const report = runDoctor(this.#subject()).then((findings) => ({ startedAtMs, findings }))
    const run = { report, endedMs: Number.POSITIVE_INFINITY }
    this.#last = run
    const end = (): void => {
      run.endedMs = performance.now()
    }
    report.then(end, end)
    return report
  }
}

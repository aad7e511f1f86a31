import type { ServiceReport, SinkReport } from '../parts/reports.ts'

/** A request that reached a service. */
export interface ServedRequest {
  readonly id: string
  /** Name of the node that forwarded the request: the second segment of the path. */
  readonly node: string
  readonly path: string
  readonly atMs: number
}

/** Reports of the services and of the audit sink. */
export class Ledger {
  /** Requests that reached a service, and whose audit record has not reached the sink. */
  readonly unrecorded = new Map<string, ServedRequest>()
  served = 0
  /** For each path of a WebSocket: latest time at which the client sent a message that arrived. */
  readonly lastMessageMs = new Map<string, number>()
  readonly #recorded = new Set<string>()

  readonly fromService = (report: ServiceReport): void => {
    if (report.kind === 'message') this.lastMessageMs.set(report.path, report.sentMs)
    if (report.kind !== 'request') return
    this.served++
    const { id, path, atMs } = report
    // The record of an event stream is written at its end.
    if (path.startsWith('/events/')) return
    if (!this.#recorded.has(id)) this.unrecorded.set(id, { id, path, atMs, node: path.split('/')[2] ?? '' })
  }

  readonly fromSink = (report: SinkReport): void => {
    if (report.kind !== 'records') return
    for (const id of report.ids) {
      this.#recorded.add(id)
      this.unrecorded.delete(id)
    }
  }
}

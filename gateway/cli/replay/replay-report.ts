import type { Reason } from '../../base/reasons.ts'
import type { AuditLine } from '../audit-record.ts'
import type { RecordReplay } from './record-replay.ts'

/** Maximum number of example requests in the report of one change. */
const EXAMPLES_MAX = 3

/** A recorded request whose decision would change. Texts come from clients and are untrusted. */
interface ReplayExample {
  readonly request: unknown
  readonly time: unknown
  readonly method: unknown
  readonly path: unknown
  readonly subject: unknown
}

/**
 * Requests on one route whose reason would change from `before` to `after` with the candidate policy. Members are in
 * snake_case, because JSON output prints them.
 */
export interface ReplayChange {
  readonly route: string | null
  readonly before: Reason
  readonly after: Reason
  requests: number
  readonly examples: ReplayExample[]
}

export interface ReplayReport {
  decided: number
  changed: number
  undecidable: number
  /** Decisions that the candidate policy would change, by route and reasons, the most frequent first. */
  readonly changes: readonly ReplayChange[]
  /** Facts that are missing in undecidable audit records, the most frequent first. */
  readonly reasons: readonly { readonly lacking: string; readonly requests: number }[]
}

/** Decides the requests in audit records by a candidate policy, and counts the decisions that would change. */
export async function replayRecords(replay: RecordReplay, records: readonly AuditLine[]): Promise<ReplayReport> {
  const changes = new Map<string, ReplayChange>()
  const lacking = new Map<string, number>()
  let [decided, changed, undecidable] = [0, 0, 0]
  for (const record of records) {
    const replayed = await replay.replay(record)
    if ('ignored' in replayed) continue
    if ('undecidable' in replayed) {
      const requests = Number(record['gatehouse.refusals'] ?? 1)
      undecidable += requests
      lacking.set(replayed.undecidable, (lacking.get(replayed.undecidable) ?? 0) + requests)
      continue
    }
    decided++
    const { before, after, route = null } = replayed
    if (before === after) continue
    changed++
    const key = JSON.stringify([route, before, after])
    const change = changes.get(key) ?? { route, before, after, requests: 0, examples: [] }
    changes.set(key, change)
    change.requests++
    if (change.examples.length < EXAMPLES_MAX) change.examples.push(exampleOf(record))
  }
  return {
    ...{ decided, changed, undecidable },
    changes: [...changes.values()].toSorted((a, b) => b.requests - a.requests),
    reasons: [...lacking]
      .map(([fact, requests]) => ({ lacking: fact, requests }))
      .toSorted((a, b) => b.requests - a.requests),
  }
}

function exampleOf(record: AuditLine): ReplayExample {
  const value = (name: string): unknown => record[name] ?? null
  return {
    request: value('gatehouse.request.id'),
    time: value('time'),
    method: value('http.request.method'),
    path: value('url.path'),
    subject: value('user.id'),
  }
}

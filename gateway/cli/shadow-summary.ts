import type { AuditLine } from './audit-record.ts'

/** Results of the shadow requirement of one route. Members are in snake_case, because JSON output prints them. */
interface ShadowRoute {
  readonly route: string
  /** Number of requests for which the shadow requirement was evaluated. `met`: number of those that met it. */
  evaluated: number
  met: number
  /** Number of admitted requests that the shadow requirement would have refused. */
  newly_refused: number
  /** Number of requests that the shadow requirement would have refused, and that were refused anyway. */
  refused_anyway: number
}

/** Admitted requests of one client that a shadow requirement would have refused for the same reason. */
export interface ShadowRefusal {
  readonly route: string
  readonly reason: string
  /** OAuth client id of the requests; `null` for requests without a client. */
  readonly client: string | null
  requests: number
  /** Request id and subject of the newest request. */
  readonly example: { readonly request: unknown; readonly subject: unknown }
}

export interface ShadowSummary {
  readonly routes: readonly ShadowRoute[]
  /** Refusals by shadow requirements, by route, reason and client, the most frequent first. */
  readonly refusals: readonly ShadowRefusal[]
}

/**
 * Counts the results of shadow requirements. A request that the route refused anyway is counted separately, not as a
 * refusal of the shadow requirement: it would stay refused if the shadow requirement took effect.
 *
 * @param records  audit records, newest first
 */
export function summarizeShadows(records: readonly AuditLine[]): ShadowSummary {
  const routes = new Map<string, ShadowRoute>()
  const refusals = new Map<string, ShadowRefusal>()
  for (const record of records) {
    const { 'gatehouse.shadow': verdict, 'gatehouse.route': route } = record
    // Skip the record of the end of a WebSocket: the record of its opening has the same result.
    if (typeof verdict !== 'string' || typeof route !== 'string') continue
    if (record['gatehouse.stream.event'] === 'ended') continue
    const counts = routes.get(route) ?? { route, evaluated: 0, met: 0, newly_refused: 0, refused_anyway: 0 }
    routes.set(route, counts)
    counts.evaluated++
    if (verdict === 'met') counts.met++
    else if (record['gatehouse.decision'] === 'refused') counts.refused_anyway++
    else {
      counts.newly_refused++
      countRefusal(refusals, route, verdict, record)
    }
  }
  return {
    routes: [...routes.values()].toSorted((a, b) => b.newly_refused - a.newly_refused),
    refusals: [...refusals.values()].toSorted((a, b) => b.requests - a.requests),
  }
}

function countRefusal(refusals: Map<string, ShadowRefusal>, route: string, reason: string, record: AuditLine): void {
  const { 'gatehouse.client': id, 'gatehouse.request.id': request, 'user.id': subject } = record
  const client = typeof id === 'string' ? id : null
  const key = JSON.stringify([route, reason, client])
  const example = { request: request ?? null, subject: subject ?? null }
  const refusal = refusals.get(key) ?? { route, reason, client, requests: 0, example }
  refusals.set(key, refusal)
  refusal.requests++
}

import type { AuditLine } from './audit-record.ts'

/** An exchange, as the admin API returns it. The values of its records come from clients and are untrusted. */
export interface ExchangeDocument {
  readonly id: string
  readonly reason: { readonly name: string; readonly why: string; readonly remedy: string | null } | null
  readonly times: {
    readonly gate_ms: number | null
    readonly upstream_ms: number | null
    readonly total_ms: number | null
  }
  readonly phases: readonly {
    readonly name: string
    readonly offset_ms: number
    readonly ms: number
    readonly error: string | null
  }[]
  readonly trace: { readonly trace_id: string; readonly recorded: boolean; readonly link: string | null } | null
  readonly records: readonly { readonly record: AuditLine; readonly place: PlaceDocument }[]
}

interface PlaceDocument {
  readonly chain: string
  readonly number: number | null
  readonly first: number
  readonly last: number
  readonly hash: string
  readonly key: string | null
  readonly check: 'authentic' | 'unchanged' | 'altered'
}

type Row = readonly [label: string, text: string]

/** Formats an exchange for people: the decision, its reason in words and what to do first, then the details. */
export function exchangeLines({ id, reason, times, phases, trace, records }: ExchangeDocument): string[] {
  const record = records[0]!.record
  const rows: Row[] = [
    ...(reason === null || reason.remedy === null ? [] : [['do first', reason.remedy] as const]),
    ...fieldRows(record),
    ['times', timesText(times)],
    ...phases.map(({ name, offset_ms, ms, error }, i): Row => {
      const failed = error === null ? '' : `, ${error}`
      return [i === 0 ? 'phases' : '', `${name}  after ${offset_ms.toFixed(2)} ms for ${ms.toFixed(2)} ms${failed}`]
    }),
    ...(trace === null ? [] : [['trace', traceText(trace)] as const]),
    ...records.map(
      ({ record: each, place }, i): Row => [i === 0 ? 'record' : '', `${each['id']}: ${placeText(place)}`],
    ),
  ]
  const status = record['http.response.status_code']
  const head = [record['gatehouse.decision'] ?? record['kind'], status, record['gatehouse.reason'] ?? id]
  const why = reason === null ? '' : `: ${reason.why}`
  const width = Math.max(...rows.map(([label]) => label.length))
  return [
    `${head.filter((part) => part !== undefined).join(' ')}${why}`,
    '',
    ...rows.map(([label, text]) => `${label.padEnd(width)}  ${text}`),
  ]
}

const fields = {
  operation: 'gatehouse.operation',
  method: 'http.request.method',
  host: 'server.address',
  path: 'url.path',
  address: 'client.address',
  subject: 'user.id',
  client: 'gatehouse.client',
  service: 'gatehouse.service',
  route: 'gatehouse.route',
  upstream: 'gatehouse.upstream',
  fault: 'gatehouse.fault',
  node: 'gatehouse.node',
  policy: 'gatehouse.policy.revision',
  time: 'time',
} as const

function fieldRows(record: AuditLine): Row[] {
  return Object.entries(fields).flatMap(([label, field]) =>
    record[field] === undefined ? [] : [[label, String(record[field])] as const],
  )
}

function timesText({ gate_ms, upstream_ms, total_ms }: ExchangeDocument['times']): string {
  const text = (ms: number | null) => (ms === null ? '-' : `${ms.toFixed(2)} ms`)
  return `gate ${text(gate_ms)}, service ${text(upstream_ms)}, total ${text(total_ms)}`
}

function traceText({ trace_id: id, recorded, link }: NonNullable<ExchangeDocument['trace']>): string {
  const place = link === null ? '' : `, ${link}`
  return `${id}${recorded ? `: gatehouse traces ${id}` : ', not recorded here'}${place}`
}

function placeText({ chain, number, first, last, hash, key, check }: PlaceDocument): string {
  const checks = {
    authentic: `unchanged, sealed with the audit key ${key}`,
    unchanged: 'unchanged; sealed without a key that the node knows',
    altered: 'ALTERED: the batch does not fit its seal',
  } as const
  return `number ${number ?? '-'} of chain ${chain}, batch ${first} to ${last} with hash ${hash}, ${checks[check]}`
}

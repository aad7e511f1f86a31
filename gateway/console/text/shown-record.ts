/** One audit record (docs/guide/audit.md), with the fields that the console shows. */
export interface ShownRecord {
  readonly id: string
  readonly time: string
  readonly kind: string
  readonly 'gatehouse.request.id'?: string
  readonly 'gatehouse.decision'?: string
  readonly 'gatehouse.reason'?: string
  readonly 'gatehouse.route'?: string
  readonly 'gatehouse.service'?: string
  readonly 'gatehouse.operation'?: string
  readonly 'gatehouse.total_ms'?: number
  readonly 'gatehouse.refusals'?: number
  readonly 'http.request.method'?: string
  readonly 'http.response.status_code'?: number
  readonly 'url.path'?: string
  readonly 'user.id'?: string
  readonly [field: string]: unknown
}

/** Request of a record in one line, or what the record is about. */
export function recordTitle(record: ShownRecord): string {
  const { kind } = record
  if (kind === 'refusals') return `${record['gatehouse.refusals']} refused requests`
  const request = [record['http.request.method'], record['url.path']].filter((part) => part !== undefined)
  return request.length === 0 ? kind : request.join(' ')
}

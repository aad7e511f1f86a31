import { z } from 'zod'
import { recordKinds } from '../audit/record.ts'
import { decisions } from '../base/decision.ts'
import { grpcStatusForm } from '../base/grpc-code.ts'
import { printable } from '../base/pretty-text.ts'
import { flag } from './verb.ts'

/**
 * Flags that filter audit records, shared by several `audit` verbs. Each flag is a query parameter of the admin API.
 */
export const recordFilters = {
  subject: z.string().optional().register(flag, { value: 'id', help: 'only audit records of this subject (sub)' }),
  client: z.string().optional().register(flag, { value: 'id', help: 'only audit records with this OAuth client id' }),
  route: z.string().optional().register(flag, { value: 'id', help: 'only audit records of this route' }),
  decision: z
    .enum(decisions)
    .optional()
    .register(flag, { value: 'word', help: 'only audit records with this decision' }),
  grpcStatus: z
    .string()
    .regex(grpcStatusForm, 'Expected a gRPC status: a number from 0 to 16.')
    .optional()
    .register(flag, { value: 'n', help: 'only audit records of gRPC calls with this status, such as 16' }),
  reason: z.string().optional().register(flag, { value: 'word', help: 'only audit records with this reason' }),
  kind: z
    .enum(recordKinds)
    .optional()
    .register(flag, { value: 'word', help: 'only audit records whose field kind has this value' }),
  request: z
    .string()
    .optional()
    .register(flag, { value: 'id', help: 'only audit records of the request with this id' }),
}

export type RecordFilters = z.infer<z.ZodObject<typeof recordFilters>>

/** Schema of a flag whose value is a number of audit records: 1 to 999999. */
export const recordCount = z
  .string()
  .regex(/^[1-9][0-9]{0,5}$/, 'Expected a number from 1 to 999999.')
  .transform(Number)

/**
 * Returns the query string of an admin API call that reads audit records: `?` and its parameters, or `''`.
 *
 * @param more  query parameters in addition to the filters
 */
export function queryOf(given: RecordFilters, more: Readonly<Record<string, string | undefined>>): string {
  const names = Object.keys(recordFilters) as (keyof RecordFilters)[]
  const all = {
    ...Object.fromEntries(names.map((name) => [name === 'grpcStatus' ? 'grpc_status' : name, given[name]])),
    ...more,
  }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(all)) if (value !== undefined) query.set(name, value)
  return query.size === 0 ? '' : `?${query}`
}

/** An audit record as the admin API returns it. The values of the record come from clients and are untrusted. */
export type AuditLine = Readonly<Record<string, unknown>>

/**
 * Formats an audit record as one line. Each value is escaped separately, so that a value with blanks cannot look like
 * two values.
 */
export function recordText(record: AuditLine): string {
  const text = (field: string): string => {
    const value = record[field]
    return value === undefined ? '-' : printable(String(value)).replaceAll(' ', '\\x20')
  }
  const what =
    record['kind'] === 'admin' ? text('gatehouse.operation') : `${text('http.request.method')} ${text('url.path')}`
  const parts = [
    text('time'),
    text('gatehouse.decision'),
    text('http.response.status_code'),
    record['kind'] === 'exchange' || record['kind'] === 'admin' ? what : text('kind'),
    `route=${text('gatehouse.route')}`,
    `subject=${text('user.id')}`,
    `reason=${text('gatehouse.reason')}`,
    `grpc=${text('rpc.grpc.status_code')}`,
    ...(record['kind'] === 'revocation'
      ? [`revoked=${text('gatehouse.revocation.kind')}:${text('gatehouse.revocation.target')}`.replace(/:-$/, '')]
      : []),
    ...(record['kind'] === 'refusals' ? [`refusals=${text('gatehouse.refusals')}`] : []),
    `address=${text('client.address')}`,
    `request=${text('gatehouse.request.id')}`,
  ]
  return parts.filter((part) => !part.endsWith('=-')).join(' ')
}

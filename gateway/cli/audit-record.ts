import type { Command } from 'commander'
import { Option } from 'commander'
import { recordKinds } from '../audit/record.ts'
import { decisions } from '../base/decision.ts'
import { printable } from './output.ts'

/** Filters that several `audit` verbs share. Each is a query parameter of the admin API. */
export interface RecordFlags {
  readonly subject?: string
  readonly client?: string
  readonly route?: string
  readonly decision?: string
  readonly reason?: string
  readonly kind?: string
  readonly request?: string
}

const filters: Readonly<Record<keyof RecordFlags, readonly [string, string, (readonly string[])?]>> = {
  subject: ['--subject <id>', 'of this subject'],
  client: ['--client <id>', 'of this client'],
  route: ['--route <id>', 'on this route'],
  decision: ['--decision <word>', 'of what became of it', decisions],
  reason: ['--reason <word>', 'with this reason'],
  kind: ['--kind <word>', 'of this kind', recordKinds],
  request: ['--request <id>', 'of the request with this id'],
}

export function addFilters(command: Command): Command {
  for (const [flags, about, choices] of Object.values(filters)) {
    const option = new Option(flags, about)
    command.addOption(choices === undefined ? option : option.choices(choices))
  }
  return command
}

/** @param more  query parameters in addition to the filters */
export function queryOf(flags: RecordFlags, more: Readonly<Record<string, string | undefined>>): string {
  const names = Object.keys(filters) as (keyof typeof filters)[]
  const given = { ...Object.fromEntries(names.map((name) => [name, flags[name]])), ...more }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, value)
  return query.size === 0 ? '' : `?${query}`
}

/** A record as returned by the admin API. Its values come from clients and are untrusted. */
export type AuditLine = Readonly<Record<string, unknown>>

/** Formats a record as one line. Values are escaped one by one, so that no value can look like two. */
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
    ...(record['kind'] === 'revocation'
      ? [`revoked=${text('gatehouse.revocation.kind')}:${text('gatehouse.revocation.target')}`.replace(/:-$/, '')]
      : []),
    ...(record['kind'] === 'refusals' ? [`refusals=${text('gatehouse.refusals')}`] : []),
    `address=${text('client.address')}`,
    `request=${text('gatehouse.request.id')}`,
  ]
  return parts.filter((part) => !part.endsWith('=-')).join(' ')
}

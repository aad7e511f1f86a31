import { z } from 'zod'
import { decisions } from '../../base/decision.ts'
import { parseDuration } from '../../base/duration.ts'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'
import { type TraceDocument, waterfall } from '../waterfall.ts'

const filters = {
  route: z.string().optional().register(flag, { value: 'id', help: 'only exchanges of this route' }),
  service: z.string().optional().register(flag, { value: 'id', help: 'only exchanges of this service' }),
  decision: z.enum(decisions).optional().register(flag, { value: 'word', help: 'only exchanges with this decision' }),
  reason: z
    .string()
    .optional()
    .register(flag, { value: 'word', help: 'only exchanges with this reason, as in the access log' }),
  minDuration: z
    .string()
    .optional()
    .register(flag, { value: 'duration', help: 'only exchanges that took at least this time, such as 250ms' }),
  since: z.string().optional().register(flag, {
    value: 'time',
    help: 'only exchanges since this time: 2030-01-31T12:00:00Z, or a duration before now, such as 10m',
  }),
  limit: z
    .string()
    .optional()
    .register(flag, { value: 'number', help: 'largest number of exchanges to list (default: 20)' }),
}

type Filters = z.infer<z.ZodObject<typeof filters>>

interface Summary {
  readonly trace_id: string
  readonly at: string
  readonly node: string | null
  readonly name: string
  readonly method: string | null
  readonly path: string | null
  readonly route: string | null
  readonly status: number | null
  readonly reason: string | null
  readonly ms: number
  readonly error: string | null
}

/**
 * `gatehouse traces`: lists recent traces of nodes and workers, or shows the spans of one trace with a bar for the time
 * of each.
 */
export const verb = defineVerb({
  description: 'List recently recorded exchanges, or show one trace',
  arguments: { id: z.string().optional().register(flag, { help: 'id of the trace to show, as in the list' }) },
  flags: { ...filters, admin: adminFlag },
  examples: [
    { run: 'gatehouse traces --decision refused --since 10m', does: 'recently refused requests and the reasons' },
    { run: 'gatehouse traces 4bf92f3577b34da6a3ce929d0e0e4736', does: 'one trace as a waterfall' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, unknown trace, or a node without a trace store',
    ...adminUnreachable,
  },
  run: async ({ id, admin, ...given }, output) => {
    const client = AdminClient.from(admin)
    const query = new URLSearchParams(queryOf(given)).toString()
    if (id !== undefined) {
      if (query !== '') throw wrongUsage('a trace id cannot be combined with filters')
      if (!/^[0-9a-f]{32}$/.test(id)) throw wrongUsage('a trace id has 32 hexadecimal digits in lower case')
      const { document } = await client.call('GET', `/api/v1/traces/${id}`, 'spans')
      for (const line of waterfall(document as unknown as TraceDocument, process.stdout.columns)) output.line(line)
      output.document(document)
      return
    }
    const { document } = await client.call('GET', `/api/v1/traces${query === '' ? '' : `?${query}`}`, 'traces')
    const { traces } = document as unknown as { traces: readonly Summary[] }
    output.table(['trace', 'began', 'by', 'request', 'route', 'status', 'reason', 'took'], traces.map(rowOf))
    output.document(document)
  },
})

function rowOf(trace: Summary): string[] {
  return [
    trace.trace_id,
    trace.at,
    trace.node ?? '-',
    trace.method === null ? trace.name : `${trace.method} ${trace.path ?? ''}`,
    trace.route ?? '-',
    trace.status === null ? '-' : String(trace.status),
    trace.reason ?? trace.error ?? 'done',
    `${trace.ms.toFixed(2)} ms`,
  ]
}

function queryOf({ route, service, decision, reason, minDuration, since, limit }: Filters): Record<string, string> {
  const given = {
    route,
    service,
    decision,
    reason,
    min_ms: minDuration === undefined ? undefined : String(msOf(minDuration, '--min-duration')),
    since: since === undefined ? undefined : timeOf(since),
    limit,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<string, string>
}

function msOf(text: string, name: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw wrongUsage(`${name} must be a duration such as 250ms or 10m`)
  return ms
}

/** Parses the value of `--since`: a time, or a duration before now. Returns the time in RFC 3339. */
function timeOf(text: string): string {
  const agoMs = parseDuration(text)
  const ms = agoMs === undefined ? Date.parse(text) : Date.now() - agoMs
  if (Number.isNaN(ms)) {
    throw wrongUsage('--since must be a duration such as 10m, or a time such as 2030-01-31T12:00:00Z')
  }
  return new Date(ms).toISOString()
}

function wrongUsage(message: string): CliError {
  return new CliError(exitCodes.usage, 'GH_USAGE', message, 'gatehouse traces --help lists the flags')
}

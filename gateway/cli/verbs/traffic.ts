import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes, type Output } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

interface Numbers {
  readonly requests: number
  readonly per_second: number
  readonly refused: number
  readonly failed: number
  readonly faults: number
  readonly reasons: readonly { readonly reason: string; readonly requests: number }[]
  readonly own_ms: Percentiles | null
  readonly upstream_ms: Percentiles | null
  readonly in_flight: number
}

interface Percentiles {
  readonly p95: number
}

interface TrafficReply {
  readonly window_s: number
  readonly nodes: readonly { readonly node: string; readonly at: string | null }[]
  readonly missing: readonly string[]
  readonly total: Numbers
  readonly routes: readonly (Numbers & { readonly route: string | null })[]
  readonly others: (Numbers & { readonly routes: number }) | null
}

/** Time between two tables of `--watch`, ms: nodes publish summaries every 2 s. */
const WATCH_MS = 2000
/** Number of reasons that a line of the table shows. */
const REASONS_SHOWN = 2

const columns = [
  'route',
  'per s',
  'refused',
  'failed',
  '5xx',
  'own p95',
  'service p95',
  'in flight',
  'mostly because of',
]

/** `gatehouse traffic`: shows the recent traffic of the cluster by route, routes with trouble first. */
export const verb = defineVerb({
  description: 'Show the requests of the last minute or two by route, of all nodes, routes with trouble first',
  flags: {
    service: z.string().optional().register(flag, { value: 'id', help: 'only routes of this service' }),
    route: z.string().optional().register(flag, { value: 'id', help: 'only this route' }),
    sort: z
      .enum(['trouble', 'requests', 'latency'])
      .default('trouble')
      .register(flag, { value: 'order', help: 'order of the routes (default: trouble)' }),
    watch: z.boolean().default(false).register(flag, { help: 'show the table again every 2 s, until interrupted' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse traffic', does: 'all routes, through the node at GATEHOUSE_ADMIN_URL' },
    { run: 'gatehouse traffic --service orders --watch', does: 'those of one service, again every 2 s' },
  ],
  exitCodes: { [exitCodes.invalid]: 'refused: invalid token, or missing scope', ...adminUnreachable },
  run: async ({ service, route, sort, watch, admin }, output) => {
    const client = AdminClient.from(admin)
    const given = Object.entries({ service, route, sort }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    )
    const query = new URLSearchParams(given)
    for (;;) {
      const { document } = await client.call('GET', `/api/v1/traffic?${query}`, 'routes')
      print(document as unknown as TrafficReply, output)
      output.document(document)
      if (!watch) return
      await sleep(WATCH_MS)
      output.line('')
    }
  },
})

function print({ window_s, nodes, missing, total, routes, others }: TrafficReply, output: Output): void {
  const rows = routes.map((each) => rowOf(each.route ?? '(no route)', each))
  if (others !== null) rows.push(rowOf(`(${others.routes} others)`, others))
  output.table(columns, [...rows, rowOf('total', total)])
  output.line('')
  output.line(`Numbers of the last ${window_s} s, of ${nodes.length - missing.length} of ${nodes.length} nodes.`)
  for (const node of missing)
    output.line(`Node ${node} has published no summary in the last 10 s: its traffic is missing.`)
}

function rowOf(name: string, { own_ms, upstream_ms, ...numbers }: Numbers): string[] {
  const reasons = numbers.reasons.slice(0, REASONS_SHOWN)
  return [
    name,
    numbers.per_second.toFixed(1),
    `${numbers.refused}`,
    `${numbers.failed}`,
    `${numbers.faults}`,
    timeText(own_ms),
    timeText(upstream_ms),
    `${numbers.in_flight}`,
    reasons.map(({ reason, requests }) => `${reason} ${requests}`).join(', ') || '-',
  ]
}

function timeText(time: Percentiles | null): string {
  return time === null ? '-' : `${time.p95} ms`
}

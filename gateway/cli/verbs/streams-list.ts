import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes, type Output } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

interface Stream {
  readonly id: string
  readonly kind: string
  readonly route: string
  readonly subject: string | null
  readonly address: string
  readonly started_at: string
  readonly messages_in: number | null
  readonly messages_out: number | null
  readonly bytes_in: number
  readonly bytes_out: number
  readonly held: boolean
  /** Id of the node that serves the stream. Set only in lists of the whole cluster. */
  readonly node?: string
}

interface NodeDocument {
  readonly node: string
  readonly total: number
  readonly selected: number
  readonly streams: readonly Stream[]
}

interface ClusterDocument {
  readonly nodes: readonly {
    readonly node: string
    readonly at: string | null
    readonly total: number | null
    readonly summarized: number
  }[]
  readonly streams: readonly Stream[]
}

const columns = ['id', 'kind', 'route', 'subject', 'client', 'age', 'messages in / out', 'bytes in / out', 'state']

/**
 * `gatehouse streams list`: lists the streams of one node, or of all nodes from the summaries that the nodes publish.
 */
export const verb = defineVerb({
  description: 'List the streams of one node, 1,000 at most, or of all nodes by their summaries',
  flags: {
    subject: z.string().optional().register(flag, { value: 'id', help: 'only streams of this subject' }),
    issuer: z.string().optional().register(flag, { value: 'issuer', help: 'only streams of subjects of this issuer' }),
    route: z.string().optional().register(flag, { value: 'id', help: 'only streams of the route with this id' }),
    cluster: z.boolean().default(false).register(flag, {
      help: 'list streams of all nodes, from the summaries that each node publishes every 2 s, with at most 200 streams',
    }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse streams list --admin http://10.0.0.7:9090', does: 'the streams of this node' },
    { run: 'gatehouse streams list --subject alice --cluster', does: 'those of one subject on all nodes' },
  ],
  exitCodes: { [exitCodes.invalid]: 'refused', ...adminUnreachable },
  run: async ({ subject, issuer, route, cluster, admin }, output) => {
    const filters = Object.entries({ subject, issuer, route })
    const given = filters.filter((entry): entry is [string, string] => entry[1] !== undefined)
    const query = new URLSearchParams(given)
    const path = cluster ? '/api/v1/cluster/streams' : '/api/v1/streams'
    const { document } = await AdminClient.from(admin).call('GET', `${path}?${query}`, 'streams')
    if (cluster) printCluster(document as unknown as ClusterDocument, output)
    else printNode(document as unknown as NodeDocument, output)
    output.document(document)
  },
})

function printNode({ node, total, selected, streams }: NodeDocument, output: Output): void {
  output.table(columns, streams.map(rowOf))
  output.line('')
  output.line(`Node ${node} has ${total} streams; ${selected} match, and ${streams.length} are listed.`)
}

function printCluster({ nodes, streams }: ClusterDocument, output: Output): void {
  output.table(
    ['node', ...columns],
    streams.map((stream) => [stream.node!, ...rowOf(stream)]),
  )
  output.line('')
  for (const { node, at, total, summarized } of nodes) {
    output.line(
      at === null
        ? `Node ${node} has published no summary: ask it with --admin.`
        : `Node ${node} had ${total} streams ${ageText(at)} ago; ${summarized} of them were searched.`,
    )
  }
}

function rowOf(stream: Stream): string[] {
  return [
    stream.id,
    stream.kind,
    stream.route,
    stream.subject ?? '-',
    stream.address,
    ageText(stream.started_at),
    `${stream.messages_in ?? '-'} / ${stream.messages_out ?? '-'}`,
    `${stream.bytes_in} / ${stream.bytes_out}`,
    stream.held ? 'held' : '',
  ]
}

function ageText(time: string): string {
  // Show 0 instead of a negative age of a stream: the clocks of the node and of this machine may differ.
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1000))
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m${seconds % 60}s`
  return `${Math.floor(minutes / 60)}h${minutes % 60}m`
}

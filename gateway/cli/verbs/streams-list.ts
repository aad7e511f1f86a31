import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
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
}

interface StreamDocument {
  readonly node: string
  readonly total: number
  readonly selected: number
  readonly streams: readonly Stream[]
}

/** `gatehouse streams list`: lists the streams of one node. */
export const verb = defineVerb({
  description: 'List the streams of one node, oldest first, 1,000 at most',
  flags: {
    subject: z.string().optional().register(flag, { value: 'id', help: 'only streams of this subject' }),
    issuer: z.string().optional().register(flag, { value: 'issuer', help: 'only streams of subjects of this issuer' }),
    route: z.string().optional().register(flag, { value: 'id', help: 'only streams of the route with this id' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse streams list --admin http://10.0.0.7:9090', does: 'the streams of this node' },
    { run: 'gatehouse streams list --subject alice --issuer main', does: 'those of one subject' },
  ],
  exitCodes: { [exitCodes.invalid]: 'refused', ...adminUnreachable },
  run: async ({ subject, issuer, route, admin }, output) => {
    const filters = Object.entries({ subject, issuer, route })
    const given = filters.filter((entry): entry is [string, string] => entry[1] !== undefined)
    const query = new URLSearchParams(given)
    const { document } = await AdminClient.from(admin).call('GET', `/api/v1/streams?${query}`, 'streams')
    const { node, total, selected, streams } = document as unknown as StreamDocument
    const rows = streams.map((stream) => [
      stream.id,
      stream.kind,
      stream.route,
      stream.subject ?? '-',
      stream.address,
      ageText(Date.now() - Date.parse(stream.started_at)),
      `${stream.messages_in ?? '-'} / ${stream.messages_out ?? '-'}`,
      `${stream.bytes_in} / ${stream.bytes_out}`,
      stream.held ? 'held' : '',
    ])
    output.table(
      ['id', 'kind', 'route', 'subject', 'client', 'age', 'messages in / out', 'bytes in / out', 'state'],
      rows,
    )
    output.line('')
    output.line(`Node ${node} has ${total} streams; ${selected} match, and ${streams.length} are listed.`)
    output.document(document)
  },
})

/** @param ms  may be negative when the clocks of node and command line differ */
function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m${seconds % 60}s`
  return `${Math.floor(minutes / 60)}h${minutes % 60}m`
}

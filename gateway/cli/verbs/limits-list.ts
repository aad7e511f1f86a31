import { z } from 'zod'
import { AdminClient, adminFlag } from '../admin-client.ts'
import { bucketText, limitExitCodes } from '../bucket-text.ts'
import { defineVerb, flag } from '../verb.ts'

interface Window {
  readonly limit: string
  readonly bucket: Readonly<Record<string, unknown>>
  readonly requests: number
  readonly window_ms: number
  readonly mode: string
  readonly used: number | null
  readonly held: number | null
  /** Nodes that used the window. Set only in lists of the whole cluster. */
  readonly nodes?: readonly string[]
}

interface ListDocument {
  readonly windows: readonly Window[]
  readonly nodes?: readonly { readonly node: string; readonly at: string | null }[]
}

/** `gatehouse limits list`: lists recently used rate limit windows. */
export const verb = defineVerb({
  description:
    'List the rate limit windows that a node, or all nodes by their summaries, used recently, the fullest first',
  arguments: { limit: z.string().optional().register(flag, { help: 'only windows of this rate limit' }) },
  flags: {
    cluster: z.boolean().default(false).register(flag, {
      help: 'list windows of all nodes, from the summaries that each node publishes every 2 s, with at most 200 windows',
    }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse limits list --cluster', does: 'the fullest windows of all nodes' },
    { run: 'gatehouse limits list route/orders.write/writes --output json', does: 'windows of one limit, as JSON' },
  ],
  exitCodes: limitExitCodes,
  run: async ({ limit, cluster, admin }, output) => {
    const query = new URLSearchParams({ ...(limit !== undefined && { limit }), ...(cluster && { scope: 'cluster' }) })
    const { document } = await AdminClient.from(admin).call('GET', `/api/v1/limits?${query}`, 'windows')
    const { windows, nodes = [] } = document as unknown as ListDocument
    const rows = windows.map(({ limit, bucket, requests, window_ms, mode, used, held, nodes: users }) => [
      limit,
      bucketText(bucket),
      `${requests} in ${window_ms / 1000} s`,
      mode,
      used === null ? '?' : `${used}`,
      held === null ? '?' : `${held}`,
      ...(cluster ? [(users ?? []).join(', ')] : []),
    ])
    output.table(['limit', 'window of', 'admits', 'mode', 'used', 'held', ...(cluster ? ['nodes'] : [])], rows)
    for (const { node, at } of nodes) {
      if (at === null) output.line(`Node ${node} has published no summary: ask it with --admin.`)
    }
    output.document(document)
  },
})

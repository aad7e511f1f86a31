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
}

/** `gatehouse limits list`: lists recently used rate limit windows. */
export const verb = defineVerb({
  description: 'List the rate limit windows that a node used recently, the fullest first',
  arguments: { limit: z.string().optional().register(flag, { help: 'only windows of this rate limit' }) },
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse limits list', does: 'windows of every limit' },
    { run: 'gatehouse limits list route/orders.write/writes --output json', does: 'windows of one limit, as JSON' },
  ],
  exitCodes: limitExitCodes,
  run: async ({ limit, admin }, output) => {
    const query = limit === undefined ? '' : `?limit=${encodeURIComponent(limit)}`
    const { document } = await AdminClient.from(admin).call('GET', `/api/v1/limits${query}`, 'windows')
    const { windows } = document as unknown as { windows: readonly Window[] }
    const rows = windows.map(({ limit, bucket, requests, window_ms, mode, used, held }) => [
      limit,
      bucketText(bucket),
      `${requests} in ${window_ms / 1000} s`,
      mode,
      used === null ? '?' : `${used}`,
      held === null ? '?' : `${held}`,
    ])
    output.table(['limit', 'window of', 'admits', 'mode', 'used', 'held'], rows)
    output.document(document)
  },
})

import { z } from 'zod'
import { durationPattern, parseDuration } from '../base/duration.ts'
import type { AcknowledgementWait } from '../cluster/receipt.ts'

const WAIT_MAX_MS = 5 * 60_000

/** Member of each receipt: the time that the call waited for the nodes. */
export const waited = z.number().describe('Time that the call waited for the acknowledgements, ms.')

/** Schema of the `Receipt` of a revocation in replies of the admin API. */
export const receipt = z.strictObject({
  id: z.string().describe('Id of the revocation.'),
  position: z.string().describe('Position of the revocation in the event log of the cluster.'),
  acknowledged: z
    .array(z.strictObject({ node: z.string(), ms: z.number() }))
    .describe('Nodes that already reject the revoked tokens, each with the time until its acknowledgement, ms.'),
  missing: z
    .array(z.string())
    .describe('Nodes that have not acknowledged the revocation. Without a wait, usually all nodes.'),
  waited_ms: waited,
  fenced_by: z
    .string()
    .describe(
      'Time from which no node admits the revoked tokens, even a node that is partitioned or stopped (RFC 3339).',
    ),
  max_staleness_ms: z.number().describe('Time from the write to the event log until `fenced_by`, ms.'),
  replicas: z.number().describe('Number of Redis replicas that confirmed the write of the revocation.'),
  fsynced: z.boolean().describe('Whether Redis confirmed that the event is on its disk.'),
  matched_by: z
    .enum(['signed-text', 'jti', 'answer', 'text'])
    .optional()
    .describe(
      'For a single token: how nodes recognize it. `signed-text`: a JWT, by its signed part. `jti`: an opaque token, by its ' +
        'text and by the `jti` in its introspection response. `answer`: an opaque token, by its text and by its ' +
        'introspection response. `text`: an opaque token, by its text only; a different text that the issuer accepts as ' +
        'the same token may be admitted.',
    ),
})

/** Schema of the query parameters that set how long a revocation call waits for the nodes. */
export const receiptQuery = {
  wait: z
    .string()
    .regex(new RegExp(`^(all|none|${durationPattern.replace(/^\^|\$$/g, '')})$`), {
      error: 'must be none, all, or a duration such as 2s',
    })
    .refine((text) => (parseDuration(text) ?? 0) <= WAIT_MAX_MS, { error: 'must be at most 5m' })
    .transform((text): AcknowledgementWait => parseDuration(text) ?? (text === 'all' ? 'all' : 'none'))
    .optional()
    .describe(
      'Longest wait for the acknowledgements of the nodes: a duration such as `2s`, at most `5m`. The reply comes as ' +
        'soon as every node has acknowledged or `fenced_by` has passed. `all`: `5m`. `none`: reply at once. Default `none`.',
    ),
  durable: z
    .enum(['0', '1'])
    .optional()
    .describe('`1`: reply when the disk of Redis has confirmed the write. Default `0`.'),
} as const

/** Schema of the reason for a revocation, which is written to the log. */
export const reason = z
  .string()
  .regex(/^[\x20-\x7e]{1,200}$/, { error: 'must be 1 to 200 visible characters' })
  .optional()
  .describe('Reason for the log and the audit record, up to 200 characters.')

/** Example of a revocation receipt, for the OpenAPI document. */
export const exampleReceipt: z.input<typeof receipt> = {
  id: '0b7c1f2e9d3a4856',
  position: '1911902400000-0',
  acknowledged: [{ node: 'node-a', ms: 4 }],
  missing: [],
  waited_ms: 3.8,
  fenced_by: '2030-01-31T12:00:05.000Z',
  max_staleness_ms: 5000,
  replicas: 1,
  fsynced: false,
}

import { z } from 'zod'

/** Schema of a revocation's `Receipt` in the API. */
export const receipt = z.strictObject({
  id: z.string(),
  position: z.string().describe('Of the revocation among the events of the cluster.'),
  acknowledged: z
    .array(z.strictObject({ node: z.string(), ms: z.number() }))
    .describe('Nodes that admit nothing of it any more, each with the time after which it said so.'),
  missing: z.array(z.string()).describe('Nodes that have not said so.'),
  fenced_by: z.string().describe('From then on no node admits it, whatever happened to the node (RFC 3339).'),
  max_staleness_ms: z.number(),
  replicas: z.number().describe('Replicas of Redis that had it.'),
  fsynced: z.boolean().describe('Whether it was on disk.'),
  matched_by: z
    .enum(['signed-text', 'jti', 'answer', 'text'])
    .optional()
    .describe(
      'Of a revoked token: by what nodes recognize it. `signed-text`: a JWT, by its signed text. `jti`, `answer`: an opaque ' +
        'token, by its text and by the `jti` that its issuer gives it, or by what its issuer answers about it. `text`: an ' +
        'opaque token, by its text alone; another text that its issuer takes for the same token may be admitted.',
    ),
})

/** Query that sets how long a revocation call waits. */
export const receiptQuery = {
  wait: z
    .enum(['all', 'none'])
    .optional()
    .describe(
      '`all`: reply when every node has acknowledged, or when `fenced_by` has come, 5 min at most. Default `none`.',
    ),
  durable: z.enum(['0', '1']).optional().describe('`1`: reply when it is on the disk of Redis. Default `0`.'),
} as const

/** Reason for the revocation, written to the log. */
export const reason = z
  .string()
  .regex(/^[\x20-\x7e]{1,200}$/, { error: 'must be 1 to 200 visible characters' })
  .optional()
  .describe('Why, for the log.')

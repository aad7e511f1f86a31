import { z } from 'zod'

/** Schema of the query parameter by which a list covers all nodes. */
export const scopeParameter = z
  .enum(['node', 'cluster'])
  .optional()
  .describe('`cluster`: those in the summaries of all nodes. Default: `node`, those of the node that replies.')

/**
 * Returns the schema of the summary of a node in a list that covers all nodes.
 *
 * @param things  plural noun of the things in the list
 */
export function nodeSummaryShape(things: string) {
  return z.strictObject({
    node: z.string().describe('Id of the node.'),
    at: z
      .string()
      .nullable()
      .describe('Time of the summary (RFC 3339); null when the node has published none within the last 10 s.'),
    total: z.number().nullable().describe(`Number of all ${things} of the node.`),
    summarized: z.number().describe(`Number of ${things} in the summary. Only these were searched.`),
  })
}

interface SummaryOfNode {
  readonly node: string
  /** Time of the summary, ms since the Unix epoch; `undefined` without a recent summary. */
  readonly atMs: number | undefined
  readonly total: number | undefined
  readonly summarized: number
}

/** Returns the summary of a node as in replies of the admin API. */
export function nodeSummaryDocument({ node, atMs, total, summarized }: SummaryOfNode) {
  return { node, at: atMs === undefined ? null : new Date(atMs).toISOString(), total: total ?? null, summarized }
}

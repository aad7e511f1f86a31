import { z } from 'zod'
import type { Output } from './output.ts'
import { flag } from './verb.ts'

/** Flag `--wait` of every verb that revokes. */
export const waitFlag = z.boolean().default(false).register(flag, {
  help: 'wait until every node has acknowledged the revocation or stopped admitting (fenced itself), at most 5 minutes',
})

/** Flag `--durable` of every verb that revokes. */
export const durableFlag = z
  .boolean()
  .default(false)
  .register(flag, { help: 'wait until Redis has written the revocation to disk' })

/** Receipt of a revocation, as returned by the admin API. */
export interface ReceiptDocument {
  readonly id: string
  readonly position: string
  readonly acknowledged: readonly { readonly node: string; readonly ms: number }[]
  readonly missing: readonly string[]
  readonly fenced_by: string
  readonly replicas: number
  readonly fsynced: boolean
  /**
   * How nodes recognize the revoked token. Absent when the revocation is not for a single token, and in receipts of
   * older nodes.
   */
  readonly matched_by?: 'signed-text' | 'jti' | 'answer' | 'text'
}

/** Prints for people which nodes have acknowledged. */
export function printAcknowledgements({ acknowledged, missing }: ReceiptDocument, output: Output): void {
  output.table(
    ['node', 'state', 'after'],
    [
      ...acknowledged.map(({ node, ms }) => [node, 'acknowledged', `${Math.round(ms)} ms`]),
      ...missing.map((node) => [node, 'missing', '-']),
    ],
  )
  output.line('')
}

/** Prints the guarantees of a revocation receipt for people. */
export function printReceipt(receipt: ReceiptDocument, output: Output): void {
  const { id, position, missing, fenced_by, replicas, fsynced } = receipt
  printAcknowledgements(receipt, output)
  output.line(`Revocation ${id} at ${position}: on ${replicas} replicas${fsynced ? ', and on disk' : ''}.`)
  output.line(
    missing.length === 0
      ? 'No node admits the revoked tokens any more.'
      : `Nodes that acknowledged reject the revoked tokens now; all other nodes reject them from ${fenced_by}.`,
  )
}

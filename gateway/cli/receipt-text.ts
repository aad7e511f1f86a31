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

/**
 * Prints for people which nodes have acknowledged. A node that has not acknowledged is `missing` only if the command
 * waited for it; otherwise it is `sent`.
 */
export function printAcknowledgements(
  receipt: Pick<ReceiptDocument, 'acknowledged' | 'missing'>,
  waited: boolean,
  output: Output,
): void {
  output.table(
    ['node', 'state', 'after'],
    [
      ...receipt.acknowledged.map(({ node, ms }) => [node, 'acknowledged', `${Math.round(ms)} ms`]),
      ...receipt.missing.map((node) => [node, waited ? 'missing' : 'sent', '-']),
    ],
  )
  output.line('')
}

/**
 * Says where an event is stored, as a part of a sentence. A Redis without replicas is normal, so the text does not
 * mention it.
 */
export function storedText({ replicas, fsynced }: ReceiptDocument): string {
  const copies = replicas === 0 ? '' : ` and ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`
  return `stored in Redis${copies}${fsynced ? ', and on disk' : ''}`
}

/** Prints the guarantees of a revocation receipt for people. */
export function printReceipt(receipt: ReceiptDocument, waited: boolean, output: Output): void {
  const { id, position, missing, fenced_by } = receipt
  printAcknowledgements(receipt, waited, output)
  output.line(`Revocation ${id} at ${position}: ${storedText(receipt)}.`)
  output.line(
    missing.length === 0
      ? 'No node admits the revoked tokens any more.'
      : waited
        ? `Nodes that acknowledged reject the revoked tokens now; all other nodes reject them from ${fenced_by}.`
        : `Not waited for the nodes: usually each rejects the revoked tokens within milliseconds, at the latest from ${fenced_by}. With --wait, the command shows when.`,
  )
}

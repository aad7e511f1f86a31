import type { Output } from './output.ts'

/** Receipt of a revocation, as returned by the admin API. */
export interface ReceiptDocument {
  readonly id: string
  readonly position: string
  readonly acknowledged: readonly { readonly node: string; readonly ms: number }[]
  readonly missing: readonly string[]
  readonly fenced_by: string
  readonly replicas: number
  readonly fsynced: boolean
  /** How a revoked token was identified. Absent for other revocations and from nodes of an older version. */
  readonly matched_by?: 'signed-text' | 'jti' | 'answer' | 'text'
}

/** Prints the guarantees of a revocation receipt for people. */
export function printReceipt(receipt: ReceiptDocument, output: Output): void {
  const { id, position, acknowledged, missing, fenced_by, replicas, fsynced } = receipt
  output.table(
    ['node', 'state', 'after'],
    [
      ...acknowledged.map(({ node, ms }) => [node, 'acknowledged', `${Math.round(ms)} ms`]),
      ...missing.map((node) => [node, 'missing', '-']),
    ],
  )
  output.line('')
  output.line(`Revocation ${id} at ${position}: on ${replicas} replicas${fsynced ? ', and on disk' : ''}.`)
  output.line(
    missing.length === 0
      ? 'No node admits it any more.'
      : `The nodes that acknowledged admit it no more; no other node does after ${fenced_by}.`,
  )
}

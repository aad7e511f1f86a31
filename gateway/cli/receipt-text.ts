import { z } from 'zod'
import type { Output } from './output.ts'
import { flag } from './verb.ts'
import { waitFlags } from './wait-flag.ts'

/**
 * Default of `--wait` for every verb that revokes. Nodes acknowledge within milliseconds; a longer wait is for a node
 * that is paused or has lost contact to Redis.
 */
export const revocationWaitFlags = waitFlags('2s')

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
  /** Time that the admin API waited for the nodes, ms. Absent in receipts of older nodes. */
  readonly waited_ms?: number
  /**
   * How nodes recognize the revoked token. Absent when the revocation is not for a single token, and in receipts of
   * older nodes.
   */
  readonly matched_by?: 'signed-text' | 'jti' | 'answer' | 'text'
}

/**
 * Prints for people which nodes have acknowledged a revocation. A node that has not acknowledged is `missing` only if
 * the command waited for the node.
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
      ...receipt.missing.map((node) => [node, waited ? 'missing' : 'not heard yet', '-']),
    ],
  )
  output.line('')
}

/**
 * Returns a part of a sentence that says where an event is stored. Missing replicas are not mentioned, because a Redis
 * without replicas is normal.
 */
export function storedText({ replicas, fsynced }: ReceiptDocument): string {
  const copies = replicas === 0 ? '' : ` and in ${replicas} ${replicas === 1 ? 'replica' : 'replicas'} of Redis`
  return `stored in Redis${copies}${fsynced ? ', and on disk' : ''}`
}

/** Prints the guarantees of a revocation receipt for people. */
export function printReceipt(receipt: ReceiptDocument, waited: boolean, output: Output): void {
  const { id, position, missing, fenced_by } = receipt
  printAcknowledgements(receipt, waited, output)
  output.line(`Revocation ${id} at ${position}: ${storedText(receipt)}.`)
  const rest = `reject the revoked tokens from ${fenced_by} at the latest`
  output.line(
    missing.length === 0
      ? 'No node admits the revoked tokens any more.'
      : waited
        ? `Nodes that acknowledged reject the revoked tokens now. ${missing.length} ${missing.length === 1 ? 'node has' : 'nodes have'} not acknowledged${waitText(receipt)}; all nodes ${rest}.`
        : `Not waited for the nodes: usually all reject the revoked tokens within milliseconds. All nodes ${rest}.`,
  )
}

/** Returns a part of a sentence that says how long the admin API waited for the nodes. */
function waitText({ waited_ms: waitedMs }: ReceiptDocument): string {
  return waitedMs === undefined ? '' : ` within ${(waitedMs / 1000).toFixed(1)} s`
}

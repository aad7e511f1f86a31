/** Receipt of an order in the event log, as in replies of the admin API. */
export interface ShownReceipt {
  readonly id: string
  readonly position: string
  readonly acknowledged: readonly { readonly node: string; readonly ms: number }[]
  readonly missing: readonly string[]
  readonly fenced_by: string
  readonly replicas: number
  readonly fsynced: boolean
}

/** Node of the cluster with the position of the last event that it has applied. */
export interface NodePosition {
  readonly id: string
  readonly position: string
}

export interface ReceiptRow {
  readonly node: string
  /**
   * `acknowledged`: the node acknowledged the order during the call. `applied`: it applied the order later, as its
   * position shows. `left`: it is no longer in the cluster.
   */
  readonly state: 'acknowledged' | 'applied' | 'waiting' | 'left'
  /** Time until the acknowledgement of the node, ms; absent unless the node acknowledged during the call. */
  readonly ms?: number
}

/**
 * Returns the state of each node of a receipt. A node that had not acknowledged has applied the order once its position
 * in the event log is not before the position of the order.
 *
 * @param nodes  nodes of the cluster now; `undefined` while they are unknown
 */
export function receiptRows(
  { acknowledged, missing, position }: Pick<ShownReceipt, 'acknowledged' | 'missing' | 'position'>,
  nodes: readonly NodePosition[] | undefined,
): ReceiptRow[] {
  const state = (id: string): ReceiptRow['state'] => {
    if (nodes === undefined) return 'waiting'
    const found = nodes.find((node) => node.id === id)
    if (found === undefined) return 'left'
    return isBefore(found.position, position) ? 'waiting' : 'applied'
  }
  return [
    ...acknowledged.map(({ node, ms }) => ({ node, ms, state: 'acknowledged' as const })),
    ...missing.map((node) => ({ node, state: state(node) })),
  ]
}

/** Whether position `a` of the event log is before position `b`. Positions have the form `<ms>-<n>`. */
function isBefore(a: string, b: string): boolean {
  const [aMs = 0, aCount = 0] = a.split('-').map(Number)
  const [bMs = 0, bCount = 0] = b.split('-').map(Number)
  return aMs < bMs || (aMs === bMs && aCount < bCount)
}

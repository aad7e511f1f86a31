import type { ReplyOf } from '../api/call.ts'
import { durationText } from '../text/format.ts'
import { StateSign } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Value } from './texts.tsx'

/** Lag of a node behind the newest event of the cluster from which the console marks the node, ms. */
const LAG_MS = 2000
/** Time without a sign of a node from which the console marks the node, ms: a node renews its lease each 200 ms. */
const SILENT_MS = 3000

type ClusterNode = ReplyOf<'list_nodes'>['nodes'][number]

/** The nodes of the cluster, with what is wrong with each. */
export function NodeTable({ nodes }: { readonly nodes: readonly ClusterNode[] }) {
  return <DataTable caption="Nodes of the cluster" columns={columns} rows={nodes} keyOf={({ id }) => id} />
}

const columns: readonly Column<ClusterNode>[] = [
  { title: 'Node', isName: true, cell: ({ id }) => <Value text={id} /> },
  { title: 'State', cell: (node) => <NodeState node={node} /> },
  { title: 'Policy', cell: ({ revision }) => <code>{revision}</code> },
  { title: 'Version', isExtra: true, cell: ({ version }) => <Value text={version} /> },
  { title: 'Lag', isNumber: true, cell: ({ lag_ms: lagMs }) => durationText(lagMs) },
  { title: 'Address', isExtra: true, cell: ({ address }) => <Value text={address} isCode /> },
]

function NodeState({ node }: { readonly node: ClusterNode }) {
  const { policy_failed: failed, lag_ms: lagMs, policy_canary: canary, heard_ms: heardMs } = node
  if (heardMs !== null && heardMs > SILENT_MS) {
    return <StateSign tone="bad">silent for {durationText(heardMs)}</StateSign>
  }
  if (failed !== null) return <StateSign tone="bad">rejects the newest policy</StateSign>
  if (lagMs > LAG_MS) return <StateSign tone="warn">behind the cluster</StateSign>
  return <StateSign tone="good">{canary ? 'canary' : 'up to date'}</StateSign>
}

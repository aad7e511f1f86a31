import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { LoadedContent } from '../parts/notices.tsx'
import { Section } from '../parts/section.tsx'
import { StateSign } from '../parts/state.tsx'
import { type Column, DataTable } from '../parts/table.tsx'
import { Value } from '../parts/texts.tsx'
import { cliCommand } from '../text/command-line.ts'
import { durationText } from '../text/format.ts'
import { consoleView } from '../view.ts'

/** Pause between two loads of the overview, ms. */
const EVERY_MS = 5000

/** Lag of a node behind the newest event of the cluster from which the overview marks the node, ms. */
const LAG_MS = 2000

type ClusterNode = ReplyOf<'list_nodes'>['nodes'][number]

function Overview() {
  const nodes = useOperation('list_nodes', {}, { everyMs: EVERY_MS })
  return (
    <Section title="Nodes">
      <LoadedContent of={nodes} empty={(document) => document.nodes.length === 0 && 'The cluster has no node.'}>
        {(document) => <Nodes nodes={document.nodes} />}
      </LoadedContent>
    </Section>
  )
}

function Nodes({ nodes }: { readonly nodes: readonly ClusterNode[] }) {
  const columns: readonly Column<ClusterNode>[] = [
    { title: 'Node', isName: true, cell: ({ id }) => <Value text={id} /> },
    { title: 'State', cell: (node) => <NodeState node={node} /> },
    { title: 'Policy', cell: ({ revision }) => <code>{revision}</code> },
    { title: 'Version', isExtra: true, cell: ({ version }) => version },
    { title: 'Lag', isNumber: true, cell: ({ lag_ms: lagMs }) => durationText(lagMs) },
    { title: 'Address', isExtra: true, cell: ({ address }) => <Value text={address} isCode /> },
  ]
  return <DataTable caption="Nodes of the cluster" columns={columns} rows={nodes} keyOf={({ id }) => id} />
}

function NodeState({
  node: { policy_failed: failed, lag_ms: lagMs, policy_canary: canary },
}: {
  readonly node: ClusterNode
}) {
  if (failed !== null) return <StateSign tone="bad">rejects revision {failed}</StateSign>
  if (lagMs > LAG_MS) return <StateSign tone="warn">behind the cluster</StateSign>
  return <StateSign tone="good">{canary ? 'canary' : 'up to date'}</StateSign>
}

export const overviewView = consoleView({
  path: '/',
  title: 'Overview',
  group: 'Traffic',
  key: 'o',
  needs: ['list_nodes'],
  component: Overview,
  cliTwin: () => cliCommand(['nodes']),
})

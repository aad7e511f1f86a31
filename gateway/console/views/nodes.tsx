import { useOperation } from '../api/use-operation.ts'
import { AuditSinks } from '../parts/audit-sinks.tsx'
import { NodeStatus } from '../parts/node-status.tsx'
import { NodeTable } from '../parts/node-table.tsx'
import { LoadedContent } from '../parts/notices.tsx'
import { Section } from '../parts/section.tsx'
import { WorkQueues } from '../parts/work-queues.tsx'
import { cliCommand } from '../text/command-line.ts'
import { consoleView } from '../view.ts'

/** Pause between two loads of the nodes, ms. */
const EVERY_MS = 3000

function Nodes() {
  const nodes = useOperation('list_nodes', {}, { everyMs: EVERY_MS })
  return (
    <>
      {nodes.problem?.code !== 'cluster_unavailable' && (
        <Section title="Nodes">
          <LoadedContent of={nodes}>{(document) => <NodeTable nodes={document.nodes} />}</LoadedContent>
        </Section>
      )}
      <WorkQueues />
      <AuditSinks />
      <NodeStatus />
    </>
  )
}

export const nodesView = consoleView({
  path: '/nodes',
  title: 'Nodes and workers',
  group: 'Cluster',
  key: 'n',
  needs: ['list_nodes'],
  component: Nodes,
  cliTwin: () => cliCommand(['nodes']),
})

import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { countText, durationText } from '../text/format.ts'
import { LoadedContent, Notice } from './notices.tsx'
import { Section } from './section.tsx'
import { StateSign } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Value } from './texts.tsx'

/** Pause between two loads of the queues, ms. */
const EVERY_MS = 5000
/** Age of the oldest waiting job from which the console marks a queue, ms. */
const LAG_MS = 10_000

type Queues = ReplyOf<'list_queues'>
type Queue = Queues['queues'][number]

/** The workers of the cluster, and the queues of their jobs. */
export function WorkQueues() {
  const queues = useOperation('list_queues', {}, { everyMs: EVERY_MS })
  if (queues.problem?.code === 'cluster_unavailable') return null
  return (
    <Section title="Workers" aside={workersText(queues.document?.workers)}>
      <LoadedContent of={queues}>{(document) => <QueueTable document={document} />}</LoadedContent>
    </Section>
  )
}

function workersText(workers: readonly string[] | undefined) {
  if (workers === undefined || workers.length === 0) return undefined
  return <Value text={workers.join(', ')} />
}

function QueueTable({ document: { workers, queues } }: { readonly document: Queues }) {
  if (queues.length === 0) {
    return (
      <Notice quiet>
        The policy and the settings need no worker: no issuer has introspection or login, and there is no audit sink.
      </Notice>
    )
  }
  return (
    <>
      {workers.length === 0 && (
        <Notice tone="bad">
          <strong>No worker runs.</strong>
          <p>
            Nodes refresh sessions and introspection results themselves, but no record is sent to an audit sink. Start a
            worker: <code>gatehouse worker</code>.
          </p>
        </Notice>
      )}
      <DataTable caption="Queues of jobs" columns={columns} rows={queues} keyOf={({ queue }) => queue} />
    </>
  )
}

const columns: readonly Column<Queue>[] = [
  { title: 'Queue', isName: true, cell: ({ queue }) => <Value text={queue} /> },
  { title: 'State', cell: (queue) => <QueueState queue={queue} /> },
  { title: 'Waiting', isNumber: true, cell: ({ waiting }) => countText(waiting) },
  { title: 'Active', isNumber: true, isExtra: true, cell: ({ active }) => countText(active) },
  { title: 'Scheduled', isNumber: true, isExtra: true, cell: ({ delayed }) => countText(delayed) },
  { title: 'Failed', isNumber: true, cell: ({ failed }) => countText(failed) },
  { title: 'Workers', isNumber: true, isExtra: true, cell: ({ workers }) => workers ?? 'unknown' },
  { title: 'Last failure', isExtra: true, cell: ({ last_failure: text }) => text !== null && <Value text={text} /> },
]

function QueueState({ queue: { lag_ms: lagMs, workers } }: { readonly queue: Queue }) {
  if (workers === 0) return <StateSign tone="bad">no worker</StateSign>
  if (lagMs > LAG_MS) return <StateSign tone="warn">{durationText(lagMs)} behind</StateSign>
  return <StateSign tone="good">up to date</StateSign>
}

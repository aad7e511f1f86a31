import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { LoadedContent } from '../parts/notices.tsx'
import { Section } from '../parts/section.tsx'
import { StateSign, type StateTone } from '../parts/state.tsx'
import { type Column, DataTable } from '../parts/table.tsx'
import { Distance, Value } from '../parts/texts.tsx'
import { cliCommand } from '../text/command-line.ts'
import { consoleView } from '../view.ts'

/** Pause between two loads, ms. */
const EVERY_MS = 30_000
const DAY_MS = 24 * 3_600_000
/** Time before an expiry from which the console marks an entry as a problem, and as one that needs attention, ms. */
const [BAD_MS, WARN_MS] = [7 * DAY_MS, 30 * DAY_MS]

type Expiry = ReplyOf<'list_expiries'>['expiries'][number]
type Secret = ReplyOf<'list_secrets'>['secrets'][number]
type Key = ReplyOf<'list_keys'>['keys'][number]

function ExpiryAndSecrets() {
  return (
    <>
      <Expiries />
      <Keys />
      <Secrets />
    </>
  )
}

function Expiries() {
  const expiries = useOperation('list_expiries', {}, { everyMs: EVERY_MS })
  return (
    <Section title="What expires" aside={expiries.document && <NodeName node={expiries.document.node} />}>
      <LoadedContent
        of={expiries}
        empty={(document) => document.expiries.length === 0 && 'Nothing on this node expires at a known time.'}
      >
        {(document) => (
          <DataTable
            caption="Certificates, secrets and keys with their expiry"
            columns={expiryColumns}
            rows={document.expiries}
            keyOf={({ kind, name }) => `${kind} ${name}`}
          />
        )}
      </LoadedContent>
    </Section>
  )
}

function NodeName({ node }: { readonly node: string }) {
  return (
    <>
      on <Value text={node} />
    </>
  )
}

const expiryColumns: readonly Column<Expiry>[] = [
  { title: 'Name', isName: true, cell: ({ name }) => <Value text={name} /> },
  { title: 'Kind', isExtra: true, cell: ({ kind }) => kind },
  {
    title: 'Expires',
    cell: (expiry) => (
      <StateSign tone={toneOf(expiry)}>
        <Distance iso={expiry.expires_at} />
      </StateSign>
    ),
  },
  { title: 'Renewal', isExtra: true, cell: ({ routine }) => (routine ? 'renewed by itself' : 'by an operator') },
]

function toneOf({ expires_at: at, routine }: Expiry): StateTone {
  if (routine) return 'plain'
  const leftMs = Date.parse(at) - Date.now()
  return leftMs < BAD_MS ? 'bad' : leftMs < WARN_MS ? 'warn' : 'good'
}

function Keys() {
  const keys = useOperation('list_keys', {}, { everyMs: EVERY_MS })
  if (keys.problem?.code === 'cluster_unavailable') return null
  return (
    <Section title="Keys of the cluster">
      <LoadedContent of={keys} empty={(document) => document.keys.length === 0 && 'The settings have no keys.'}>
        {(document) => (
          <DataTable
            caption="Keys of the cluster"
            columns={keyColumns}
            rows={document.keys}
            keyOf={({ kind, id }) => `${kind} ${id}`}
          />
        )}
      </LoadedContent>
    </Section>
  )
}

const keyColumns: readonly Column<Key>[] = [
  { title: 'Key', isName: true, cell: ({ id }) => <Value text={id} /> },
  { title: 'Kind', cell: ({ kind }) => kind },
  {
    title: 'State',
    cell: ({ lacking, written_by: writtenBy }) =>
      lacking.length > 0 ? (
        <StateSign tone="bad">
          missing on <Value text={lacking.join(', ')} />
        </StateSign>
      ) : (
        <StateSign tone={writtenBy.length > 0 ? 'good' : 'plain'}>
          {writtenBy.length > 0 ? 'in use' : 'kept for reading'}
        </StateSign>
      ),
  },
  { title: 'Held by', isExtra: true, cell: ({ held_by: heldBy }) => <Value text={heldBy.join(', ')} /> },
  {
    title: 'Needed until',
    isExtra: true,
    cell: ({ needed_until: until }) => (until === null ? 'not needed' : <Distance iso={until} />),
  },
]

function Secrets() {
  const secrets = useOperation('list_secrets', {}, { everyMs: EVERY_MS })
  return (
    <Section title="Secrets" aside="names and ages; the node shows no value">
      <LoadedContent of={secrets} empty={(document) => document.secrets.length === 0 && 'The node has no secret.'}>
        {(document) => (
          <DataTable
            caption="Secrets of the node"
            columns={secretColumns}
            rows={document.secrets}
            keyOf={({ name, used_by: usedBy }) => `${name} ${usedBy}`}
          />
        )}
      </LoadedContent>
    </Section>
  )
}

const secretColumns: readonly Column<Secret>[] = [
  { title: 'Secret', isName: true, cell: ({ name }) => <Value text={name} /> },
  {
    title: 'State',
    cell: ({ problem, previous_valid: previousValid }) => {
      if (problem === null)
        return <StateSign tone="good">{previousValid ? 'in use, as the one before' : 'in use'}</StateSign>
      return (
        <StateSign tone="bad">
          <Value text={problem} />
        </StateSign>
      )
    },
  },
  { title: 'Changed', cell: ({ changed_at: at }) => <Distance iso={at} /> },
  { title: 'Source', isExtra: true, cell: ({ source }) => <Value text={source} isCode /> },
  { title: 'Used by', isExtra: true, cell: ({ used_by: usedBy }) => <Value text={usedBy} /> },
]

export const expiryView = consoleView({
  path: '/expiry',
  title: 'Expiry and secrets',
  group: 'Cluster',
  key: 'e',
  needs: ['list_expiries'],
  component: ExpiryAndSecrets,
  cliTwin: () => cliCommand(['expiry']),
})

import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { ConfirmedChange } from '../parts/confirm.tsx'
import { EffectTable } from '../parts/effect-table.tsx'
import { ChoiceFilter, Filters } from '../parts/field.tsx'
import { LoadedContent, Notice } from '../parts/notices.tsx'
import { RolloutState } from '../parts/rollout-state.tsx'
import { Section } from '../parts/section.tsx'
import { StateSign } from '../parts/state.tsx'
import { type Column, DataTable } from '../parts/table.tsx'
import { Time, Value } from '../parts/texts.tsx'
import { useQuery } from '../router.ts'
import { useMay } from '../session.ts'
import { cliCommand } from '../text/command-line.ts'
import { consoleView } from '../view.ts'

/** Pause between two loads of the revisions, ms. */
const EVERY_MS = 5000

type Revisions = ReplyOf<'list_revisions'>
type Revision = Revisions['revisions'][number]

function Policy() {
  const revisions = useOperation('list_revisions', {}, { everyMs: EVERY_MS })
  const { problem } = revisions
  if (problem?.code === 'policy_from_file' || problem?.code === 'cluster_unavailable') {
    return (
      <Notice quiet>
        Each node reads its policy from a file, so there are no revisions. With <code>policy.source: cluster</code>, the
        cluster keeps revisions that can be compared and rolled back.
      </Notice>
    )
  }
  return (
    <>
      <RolloutState onEnded={revisions.reload} />
      <LoadedContent of={revisions} empty={(document) => document.revisions.length === 0 && 'There is no revision.'}>
        {(document) => <RevisionsShown document={document} onChanged={revisions.reload} />}
      </LoadedContent>
    </>
  )
}

interface RevisionsShownProps {
  readonly document: Revisions
  readonly onChanged: () => void
}

function RevisionsShown({ document, onChanged }: RevisionsShownProps) {
  const [, setQuery] = useQuery()
  const [target, setTarget] = useState<Revision>()
  const [done, setDone] = useState<ReplyOf<'rollback_policy'>>()
  const mayRollBack = useMay('rollback_policy')
  const { active } = document
  const compare = ({ number }: Revision) => setQuery({ from: String(active), to: String(number) })
  const columns: readonly Column<Revision>[] = [
    { title: 'Revision', isName: true, cell: ({ number }) => number },
    { title: 'State', cell: ({ number }) => number === active && <StateSign tone="good">active</StateSign> },
    { title: 'Time', isExtra: true, cell: ({ time }) => <Time iso={time} /> },
    { title: 'Author', isExtra: true, cell: ({ author }) => <Value text={author} /> },
    { title: 'Reason', cell: ({ message }) => <Value text={message} /> },
    { title: 'Hash', isExtra: true, cell: ({ hash }) => <code>{hash.slice(0, 12)}</code> },
    {
      title: 'Change',
      cell: (revision) =>
        revision.number !== active && (
          <span className="foot">
            <button type="button" className="button small" onClick={() => compare(revision)}>
              Compare
            </button>
            {mayRollBack && (
              <button type="button" className="button small" onClick={() => setTarget(revision)}>
                Roll back …
              </button>
            )}
          </span>
        ),
    },
  ]
  return (
    <>
      {done !== undefined && <RolledBack reply={done} />}
      <Section title="Revisions" aside={mayRollBack ? undefined : 'a rollback needs the scope gatehouse:policy'}>
        <DataTable
          caption="Revisions of the policy"
          columns={columns}
          rows={document.revisions}
          keyOf={({ number }) => String(number)}
        />
      </Section>
      <Comparison document={document} />
      {target !== undefined && (
        <ConfirmedChange
          operation="rollback_policy"
          title={`Roll back to revision ${target.number}`}
          action="Roll back"
          inputOf={(message) => ({
            body: { to: target.number, against: active, ...(message !== undefined && { message }) },
          })}
          onDone={(reply) => {
            setDone(reply)
            onChanged()
          }}
          onClose={() => setTarget(undefined)}
        >
          <RollbackConsequence from={active} to={target.number} />
        </ConfirmedChange>
      )}
    </>
  )
}

function RollbackConsequence({ from, to }: { readonly from: number; readonly to: number }) {
  const difference = useOperation('compare_policy', { body: { from, to } })
  return (
    <>
      <p>
        A new revision with the content of revision {to} becomes the active policy of every node, in place of revision{' '}
        {from}. If another revision has become active meanwhile, nothing happens.
      </p>
      <LoadedContent of={difference}>{(document) => <EffectTable difference={document} />}</LoadedContent>
    </>
  )
}

function RolledBack({ reply }: { readonly reply: ReplyOf<'rollback_policy'> }) {
  if (reply.outcome === 'unchanged')
    return <Notice>Nothing changed: the active revision {reply.number} has the same files.</Notice>
  const { number, acknowledged, missing, fenced_by: fencedBy } = reply
  return (
    <div role="status">
      <Notice tone={missing.length === 0 ? 'plain' : 'warn'}>
        <strong>Revision {number} is active.</strong> {acknowledged.length} of {acknowledged.length + missing.length}{' '}
        nodes enforce it.
        {missing.length > 0 && (
          <>
            {' '}
            Missing: <Value text={missing.join(', ')} />. From <Time iso={fencedBy} /> on, no node decides by an older
            revision.
          </>
        )}
      </Notice>
    </div>
  )
}

/** Comparison of two revisions by their effect. The numbers are part of the address. */
function Comparison({ document: { active, before, revisions } }: { readonly document: Revisions }) {
  const [query, setQuery] = useQuery()
  const numbers = revisions.map(({ number }) => String(number))
  const chosen = (name: string, otherwise: number | null | undefined) => query.get(name) ?? String(otherwise ?? active)
  const [from, to] = [chosen('from', before), chosen('to', active)]
  const difference = useOperation('compare_policy', { body: { from: Number(from), to: Number(to) } })
  return (
    <Section title="Difference by effect">
      <Filters>
        <ChoiceFilter
          label="From"
          value={from}
          choices={numbers}
          hasAny={false}
          onChange={(value) => setQuery({ from: value })}
        />
        <ChoiceFilter
          label="To"
          value={to}
          choices={numbers}
          hasAny={false}
          onChange={(value) => setQuery({ to: value })}
        />
      </Filters>
      <LoadedContent of={difference}>{(document) => <EffectTable difference={document} />}</LoadedContent>
    </Section>
  )
}

export const policyView = consoleView({
  path: '/policy',
  title: 'Policy',
  group: 'Cluster',
  key: 'y',
  needs: ['list_revisions'],
  component: Policy,
  cliTwin: () => cliCommand(['revisions']),
})

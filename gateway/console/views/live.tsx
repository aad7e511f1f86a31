import { useState } from 'react'
import { decisions } from '../../base/decision.ts'
import { type RecordTail, type TailFilters, useRecordTail } from '../api/use-record-tail.ts'
import { ChoiceFilter, Filters, TextFilter } from '../parts/field.tsx'
import { Link } from '../parts/link.tsx'
import { LongList } from '../parts/long-list.tsx'
import { Notice, ProblemNotice } from '../parts/notices.tsx'
import { StateSign } from '../parts/state.tsx'
import type { Column } from '../parts/table.tsx'
import { Time, Value } from '../parts/texts.tsx'
import { useQuery } from '../router.ts'
import { exchangePath } from '../search-choices.ts'
import { cliCommand } from '../text/command-line.ts'
import { reasonNames, toneOf } from '../text/decisions.ts'
import { countText, durationText } from '../text/format.ts'
import { recordTitle, type ShownRecord } from '../text/shown-record.ts'
import { consoleView } from '../view.ts'

const kinds = ['exchange', 'refusals', 'admin', 'revocation', 'chain.open', 'chain.close', 'all']
/** Kind of records without a choice: calls of the admin API, such as those of this console, would hide the traffic. */
const DEFAULT_KIND = 'exchange'
const textFilters = [
  ['route', 'Route'],
  ['subject', 'Subject'],
  ['client', 'Client'],
] as const
const columns: readonly Column<ShownRecord>[] = [
  { title: 'Time', cell: ({ time }) => <Time iso={time} /> },
  { title: 'Decision', cell: (record) => <DecisionCell record={record} /> },
  { title: 'Status', cell: (record) => record['http.response.status_code'] },
  { title: 'Request', cell: (record) => <RequestCell record={record} /> },
  {
    title: 'Route',
    cell: (record) => <Value text={record['gatehouse.route'] ?? record['gatehouse.operation'] ?? ''} />,
  },
  { title: 'Subject', cell: (record) => <Value text={record['user.id'] ?? ''} /> },
  { title: 'Reason', cell: (record) => <ReasonCell record={record} /> },
  { title: 'Duration', cell: ({ 'gatehouse.total_ms': ms }) => ms !== undefined && durationText(ms) },
]

function Live() {
  const [query, setQuery] = useQuery()
  const tail = useRecordTail(filtersIn(query))
  const [pausedAt, setPausedAt] = useState<number>()
  const { records } = tail
  const hidden = pausedAt === undefined ? 0 : Math.max(0, records.added - pausedAt)
  return (
    <>
      <Filters>
        {textFilters.map(([name, label]) => (
          <TextFilter
            key={name}
            label={label}
            value={query.get(name) ?? ''}
            onChange={(value) => setQuery({ [name]: value })}
          />
        ))}
        <ChoiceFilter
          label="Decision"
          value={query.get('decision') ?? ''}
          choices={decisions}
          onChange={(decision) => setQuery({ decision })}
        />
        <TextFilter
          label="Reason"
          value={query.get('reason') ?? ''}
          choices={reasonNames}
          onChange={(reason) => setQuery({ reason })}
        />
        <ChoiceFilter
          label="Kind"
          value={query.get('kind') ?? DEFAULT_KIND}
          choices={kinds}
          hasAny={false}
          onChange={(kind) => setQuery({ kind })}
        />
        <button
          type="button"
          className="button"
          aria-pressed={pausedAt !== undefined}
          onClick={() => setPausedAt(pausedAt === undefined ? records.added : undefined)}
        >
          {pausedAt === undefined ? 'Pause' : `Resume${hidden > 0 ? `: ${countText(hidden)} new` : ''}`}
        </button>
        <TailState tail={tail} />
      </Filters>
      {tail.problem !== undefined && <ProblemNotice problem={tail.problem} />}
      {tail.trouble !== undefined && <Notice quiet>The node cannot read the audit log: {tail.trouble}</Notice>}
      {records.size === 0 ? (
        <Notice quiet>{tail.isConnected ? 'No record matches yet. New records appear here.' : 'Connecting …'}</Notice>
      ) : (
        <LongList
          caption="Audit records, the newest first"
          columns={columns}
          count={Math.max(0, records.size - hidden)}
          added={records.added - hidden}
          rowAt={(index) => records.newest(index + hidden)}
          keyOf={({ id }) => id}
        />
      )}
    </>
  )
}

function TailState({ tail: { isConnected, records, leftOut } }: { readonly tail: RecordTail }) {
  return (
    <span className="tail-state">
      <span role="status">
        <StateSign tone={isConnected ? 'good' : 'warn'}>{isConnected ? 'live' : 'not connected'}</StateSign>
      </span>
      <span className="muted">
        {countText(records.size)} records
        {leftOut > 0 && `; ${countText(leftOut)} left out, more than 50 per second`}
      </span>
    </span>
  )
}

function DecisionCell({ record: { 'gatehouse.decision': decision } }: { readonly record: ShownRecord }) {
  return decision === undefined ? null : <StateSign tone={toneOf(decision)}>{decision}</StateSign>
}

function RequestCell({ record }: { readonly record: ShownRecord }) {
  const id = record['gatehouse.request.id']
  const title = <Value text={recordTitle(record)} isCode />
  return id === undefined ? title : <Link to={exchangePath(id)}>{title}</Link>
}

/** The reason of an admitted request says nothing more than its decision. */
function ReasonCell({ record }: { readonly record: ShownRecord }) {
  const { 'gatehouse.decision': decision, 'gatehouse.reason': reason = '' } = record
  return decision === 'admitted' ? null : <Value text={reason} isCode />
}

function filtersIn(query: URLSearchParams): TailFilters {
  const names = ['subject', 'client', 'route', 'decision', 'reason'] as const
  const given = Object.fromEntries(names.flatMap((name) => (query.get(name) ? [[name, query.get(name)!]] : [])))
  const kind = query.get('kind') ?? DEFAULT_KIND
  return kind === 'all' ? given : { ...given, kind: kind as NonNullable<TailFilters['kind']> }
}

export const liveView = consoleView({
  path: '/live',
  title: 'Live',
  group: 'Traffic',
  key: 'l',
  needs: ['tail_audit'],
  component: Live,
  cliTwin: (query) => cliCommand(['audit', 'tail'], filtersIn(query)),
})

import { countText } from '../text/format.ts'
import type { UpstreamChange, UpstreamRow } from '../text/upstream-rows.ts'
import { StateSign, type StateTone } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Distance, Value } from './texts.tsx'

interface UpstreamTableProps {
  readonly rows: readonly UpstreamRow[]
  /** Asks for a change; absent when the operator may not drain upstreams. */
  readonly onChange?: (change: UpstreamChange) => void
}

/** Addresses of upstreams with their states on one node. */
export function UpstreamTable({ rows, onChange }: UpstreamTableProps) {
  return (
    <DataTable
      caption="Addresses of upstreams"
      columns={onChange === undefined ? columns : [...columns, changeColumn(onChange)]}
      rows={rows}
      keyOf={({ service, upstream, address }) => JSON.stringify([service, upstream, address])}
    />
  )
}

const columns: readonly Column<UpstreamRow>[] = [
  { title: 'Upstream', isName: true, cell: ({ upstream }) => <Value text={upstream} isCode /> },
  { title: 'Service', isExtra: true, cell: ({ service }) => <Value text={service} /> },
  { title: 'Address', isExtra: true, cell: ({ address }) => <Value text={address ?? ''} isCode /> },
  { title: 'State', cell: (row) => <UpstreamState row={row} /> },
  { title: 'In flight', isNumber: true, cell: ({ calls }) => countText(calls) },
  { title: 'Connections', isNumber: true, isExtra: true, cell: ({ connections }) => countText(connections) },
  { title: 'Weight', isNumber: true, isExtra: true, cell: ({ weight }) => weight },
  { title: 'Health check', isExtra: true, cell: ({ check }) => <Value text={check ?? 'none'} /> },
]

const states: Readonly<Record<UpstreamRow['state'], readonly [tone: StateTone, meaning: string]>> = {
  up: ['good', 'It gets its share of the calls.'],
  'slow-start': ['plain', 'It returned, and gets a growing share of the calls.'],
  resting: ['warn', 'A connection to it failed. It gets no calls for up to 16 s.'],
  ejected: ['bad', 'Its calls fail or are slow, compared with the other upstreams.'],
  failing: ['bad', 'It fails its health checks.'],
  drained: ['warn', 'An operator drained it: it gets no new calls.'],
  unresolved: ['bad', 'Its name has no known address.'],
}

function UpstreamState({ row: { state, drain } }: { readonly row: UpstreamRow }) {
  const [tone, meaning] = states[state]
  return (
    <span title={meaning}>
      <StateSign tone={tone}>
        {state}
        {drain !== undefined && drain.until !== null && (
          <>
            , ends <Distance iso={drain.until} />
          </>
        )}
      </StateSign>
    </span>
  )
}

function changeColumn(onChange: (change: UpstreamChange) => void): Column<UpstreamRow> {
  return {
    title: 'Change',
    cell: (row) => {
      if (!row.isFirst) return null
      const kind = row.drain === undefined ? 'drain' : 'undrain'
      const label = kind === 'drain' ? 'Drain' : 'End drain'
      return (
        <button
          type="button"
          className="button small"
          aria-label={`${label} ${row.upstream} of ${row.service}`}
          onClick={() => onChange({ kind, row })}
        >
          {label} …
        </button>
      )
    },
  }
}

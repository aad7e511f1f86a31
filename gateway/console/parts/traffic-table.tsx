import type { ReplyOf } from '../api/call.ts'
import { whyOf } from '../text/decisions.ts'
import { countText, durationText, shareText } from '../text/format.ts'
import { Link } from './link.tsx'
import { Sparkline } from './sparkline.tsx'
import { StateSign } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Value } from './texts.tsx'

type Traffic = ReplyOf<'show_traffic'>
type TrafficRoute = Traffic['routes'][number]
type Latency = TrafficRoute['own_ms']

/** Number of reasons that a row shows. */
const REASONS_SHOWN = 2

/** Routes with their recent traffic, in the order of the reply. */
export function TrafficTable({ routes }: { readonly routes: readonly TrafficRoute[] }) {
  return <DataTable caption="Routes by trouble" columns={columns} rows={routes} keyOf={keyOf} />
}

const keyOf = ({ service, route }: TrafficRoute) => `${service} ${route}`

const columns: readonly Column<TrafficRoute>[] = [
  { title: 'Route', isName: true, cell: (row) => <RouteName row={row} /> },
  { title: 'Requests/s', isNumber: true, cell: ({ per_second: perSecond }) => rateText(perSecond) },
  {
    title: 'Last 2 minutes',
    isExtra: true,
    cell: ({ series }) => <Sparkline values={series.requests} label={`Requests: ${series.requests.join(', ')}`} />,
  },
  { title: 'Refused', isNumber: true, cell: ({ refused, requests }) => shareText(refused, requests) },
  { title: 'Failed', isNumber: true, cell: (row) => <Failures row={row} /> },
  { title: 'Reasons', cell: (row) => <Reasons row={row} /> },
  { title: 'Gate p50 / p99', isNumber: true, isExtra: true, cell: ({ own_ms: own }) => <Percentiles of={own} /> },
  { title: 'Service p50 / p99', isNumber: true, cell: ({ upstream_ms: upstream }) => <Percentiles of={upstream} /> },
]

/** Requests per second, with more digits for small rates. */
export function rateText(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : countText(Math.round(perSecond))
}

function RouteName({ row: { route, service, complete } }: { readonly row: TrafficRoute }) {
  if (route === null) return <span className="muted">no route matched</span>
  return (
    <>
      <Link to={`/live?${new URLSearchParams({ route })}`}>
        <Value text={route} />
      </Link>
      {service !== null && (
        <small className="muted">
          {' '}
          <Value text={service} />
        </small>
      )}
      {!complete && <small className="muted"> (some nodes only as a sum)</small>}
    </>
  )
}

/** Failures of the gate, and replies of the service with a status of 500 or more. */
function Failures({ row: { failed, faults, broken } }: { readonly row: TrafficRoute }) {
  if (failed + faults + broken === 0) return '0'
  const text = [
    failed > 0 && `${countText(failed)} gate`,
    faults > 0 && `${countText(faults)} service`,
    broken > 0 && `${countText(broken)} cut`,
  ]
  return <StateSign tone={failed + faults > 0 ? 'bad' : 'warn'}>{text.filter((part) => part).join(', ')}</StateSign>
}

function Reasons({ row: { reasons, route } }: { readonly row: TrafficRoute }) {
  return (
    <span className="reasons">
      {reasons.slice(0, REASONS_SHOWN).map(({ reason, requests }) => (
        <Link
          key={reason}
          to={`/live?${new URLSearchParams({ ...(route !== null && { route }), reason })}`}
          title={whyOf(reason) ?? reason}
        >
          <code>{reason}</code> {countText(requests)}
        </Link>
      ))}
      {reasons.length > REASONS_SHOWN && <span className="muted">+{reasons.length - REASONS_SHOWN}</span>}
    </span>
  )
}

function Percentiles({ of: latency }: { readonly of: Latency }) {
  if (latency === null) return null
  return `${durationText(latency.p50)} / ${durationText(latency.p99)}`
}

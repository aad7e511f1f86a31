import { useMemo } from 'react'
import type { InputOf, ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { ChoiceFilter, Filters, TextFilter } from '../parts/field.tsx'
import { NodeTable } from '../parts/node-table.tsx'
import { LoadedContent, Notice } from '../parts/notices.tsx'
import { Section } from '../parts/section.tsx'
import { Value } from '../parts/texts.tsx'
import { Tiles } from '../parts/tiles.tsx'
import { type ChartLine, TimeChart } from '../parts/time-chart.tsx'
import { rateText, TrafficTable } from '../parts/traffic-table.tsx'
import { useQuery } from '../router.ts'
import { cliCommand } from '../text/command-line.ts'
import { countText, durationText, shareText } from '../text/format.ts'
import { consoleView } from '../view.ts'

/** Pause between two loads of the traffic, ms: a node publishes a new summary every 2 s. */
const TRAFFIC_MS = 4000
const NODES_MS = 10_000
const orders = ['trouble', 'requests', 'latency']

type Traffic = ReplyOf<'show_traffic'>
type Order = NonNullable<NonNullable<InputOf<'show_traffic'>['query']>['sort']>

function Overview() {
  const [query, setQuery] = useQuery()
  const service = query.get('service') ?? ''
  const sort = query.get('sort') ?? 'trouble'
  const traffic = useOperation(
    'show_traffic',
    { query: { sort: sort as Order, ...(service !== '' && { service }) } },
    { everyMs: TRAFFIC_MS },
  )
  return (
    <>
      <Filters>
        <TextFilter label="Service" value={service} onChange={(given) => setQuery({ service: given })} />
        <ChoiceFilter
          label="Order"
          value={sort}
          choices={orders}
          hasAny={false}
          onChange={(given) => setQuery({ sort: given })}
        />
      </Filters>
      <LoadedContent of={traffic}>
        {(document) => <TrafficContent traffic={document} loadedMs={traffic.loadedMs ?? 0} />}
      </LoadedContent>
      <NodesSection />
    </>
  )
}

function TrafficContent({ traffic, loadedMs }: { readonly traffic: Traffic; readonly loadedMs: number }) {
  const { routes, others, missing, nodes } = traffic
  return (
    <>
      {missing.length > 0 && (
        <Notice tone="bad">
          <strong>
            {missing.length} of {nodes.length} nodes sent no summary in the last 10 s:{' '}
            <Value text={missing.join(', ')} />
          </strong>
          <p>They were killed, are cut off from Redis, or run an older version. Their traffic is not in the numbers.</p>
        </Notice>
      )}
      <TrafficTiles traffic={traffic} />
      <TrafficChart traffic={traffic} endMs={loadedMs} />
      <Section title="Routes" aside={`last ${durationText(traffic.window_s * 1000)}`}>
        {routes.length === 0 ? (
          <Notice quiet>No request arrived in this time.</Notice>
        ) : (
          <TrafficTable routes={routes} />
        )}
        {others !== null && (
          <p className="about">
            {others.routes} further routes together: {rateText(others.per_second)} requests/s,{' '}
            {shareText(others.refused, others.requests)} refused, {countText(others.failed + others.faults)} failed.
          </p>
        )}
      </Section>
    </>
  )
}

function TrafficTiles({ traffic: { total, nodes, missing } }: { readonly traffic: Traffic }) {
  const { requests, per_second: perSecond, refused, failed, faults, own_ms: own, upstream_ms: upstream } = total
  const p99 = (latency: typeof own) => (latency === null ? '–' : durationText(latency.p99))
  return (
    <Tiles
      tiles={[
        ['Requests', rateText(perSecond), '/ s'],
        ['Refused', shareText(refused, requests), countText(refused)],
        ['Failed', countText(failed + faults), faults > 0 ? `${countText(faults)} by services` : undefined],
        ['Gate, p99', p99(own)],
        ['Services, p99', p99(upstream)],
        ['In flight', countText(total.in_flight)],
        ['Nodes', nodes.length - missing.length, missing.length > 0 ? `of ${nodes.length}` : undefined],
      ]}
    />
  )
}

function TrafficChart({ traffic, endMs }: { readonly traffic: Traffic; readonly endMs: number }) {
  const { step_s: stepS, total } = traffic
  const lines = useMemo<ChartLine[]>(() => {
    const perSecond = (counts: readonly number[]) => counts.map((count) => count / stepS)
    return [
      { label: 'Requests per second', values: perSecond(total.series.requests), color: '--accent' },
      { label: 'Refused or failed', values: perSecond(total.series.trouble), color: '--bad' },
    ]
  }, [total, stepS])
  const label = `Requests per second, now ${rateText(total.per_second)}`
  return <TimeChart label={label} lines={lines} stepS={stepS} endMs={endMs} />
}

function NodesSection() {
  const nodes = useOperation('list_nodes', {}, { everyMs: NODES_MS })
  if (nodes.problem?.code === 'cluster_unavailable') return null
  return (
    <Section title="Nodes">
      <LoadedContent of={nodes} empty={(document) => document.nodes.length === 0 && 'The cluster has no node.'}>
        {(document) => <NodeTable nodes={document.nodes} />}
      </LoadedContent>
    </Section>
  )
}

export const overviewView = consoleView({
  path: '/',
  title: 'Overview',
  group: 'Traffic',
  key: 'o',
  needs: ['show_traffic'],
  component: Overview,
  cliTwin: (query) => cliCommand(['traffic'], { service: query.get('service'), sort: query.get('sort') }),
})

import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { Facts } from '../parts/facts.tsx'
import { Link } from '../parts/link.tsx'
import { LoadedContent, Notice } from '../parts/notices.tsx'
import { Section } from '../parts/section.tsx'
import { StateSign } from '../parts/state.tsx'
import { Time, Value } from '../parts/texts.tsx'
import { Timeline } from '../parts/timeline.tsx'
import { useMay } from '../session.ts'
import { cliCommand } from '../text/command-line.ts'
import { toneOf } from '../text/decisions.ts'
import { durationText, sentenceOf } from '../text/format.ts'
import type { ShownRecord } from '../text/shown-record.ts'
import { consoleView } from '../view.ts'

function Exchange({ params }: { readonly params: Readonly<Record<string, string>> }) {
  const id = params['id']!
  const found = useOperation('show_exchange', { path: { id } })
  if (found.problem?.code === 'exchange_unknown') return <NotFoundExchange id={id} />
  return <LoadedContent of={found}>{(exchange) => <FoundExchange exchange={exchange} />}</LoadedContent>
}

function NotFoundExchange({ id }: { readonly id: string }) {
  return (
    <Notice quiet>
      The newest part of the audit log has no record with the request id <Value text={id} isCode />. Older records are
      in the audit sinks.
    </Notice>
  )
}

type ExchangeReply = ReplyOf<'show_exchange'>
type PlacedRecord = ExchangeReply['records'][number]

const shownRecord = ({ record }: PlacedRecord) => record as unknown as ShownRecord

function FoundExchange({ exchange }: { readonly exchange: ExchangeReply }) {
  const { id, records, reason, times, phases, trace } = exchange
  const record = shownRecord(records[0]!)
  return (
    <>
      <Outcome record={record} reason={reason} />
      <RequestFacts record={record} times={times} />
      {phases.length > 0 && (
        <Section title="Phases" aside="those that waited or refused, and calls of the service">
          <Timeline spans={phases} {...(times.total_ms !== null && { wholeMs: times.total_ms })} />
        </Section>
      )}
      {trace !== null && <Trace trace={trace} />}
      {records.map((each) => (
        <RecordFields key={shownRecord(each).id} record={shownRecord(each)} place={each.place} />
      ))}
      <p className="foot">
        <Link to={`/live?${new URLSearchParams({ reason: record['gatehouse.reason'] ?? '' })}`}>
          Live records with this reason
        </Link>
        {record['user.id'] !== undefined && (
          <Link to={`/live?${new URLSearchParams({ subject: record['user.id'] })}`}>Live records of this subject</Link>
        )}
        <Link to={explainPath(record)}>Explain a request like this one</Link>
        <span className="muted">
          Request id <code>{id}</code>
        </span>
      </p>
    </>
  )
}

interface OutcomeProps {
  readonly record: ShownRecord
  /** Meaning of the reason; null for a reason that this version of the node does not have. */
  readonly reason: ExchangeReply['reason']
}

/** The reason in words and what to do first, before all details. */
function Outcome({ record, reason }: OutcomeProps) {
  const decision = record['gatehouse.decision']
  const name = record['gatehouse.reason']
  const tone = toneOf(decision)
  const fault = record['gatehouse.fault']
  return (
    <Notice tone={tone === 'warn' || tone === 'bad' ? tone : 'plain'}>
      <p className="outcome">
        <StateSign tone={tone}>{decision ?? record.kind}</StateSign>
        {name !== undefined && <Value text={name} isCode />}
        {record['http.response.status_code'] !== undefined && <span>status {record['http.response.status_code']}</span>}
      </p>
      {reason !== null && <p>{sentenceOf(reason.why)}</p>}
      {reason !== null && reason.remedy !== null && <p className="remedy">What to do: {sentenceOf(reason.remedy)}</p>}
      {typeof fault === 'string' && (
        <p>
          Fault: <Value text={fault} />
        </p>
      )}
    </Notice>
  )
}

interface RequestFactsProps {
  readonly record: ShownRecord
  readonly times: ExchangeReply['times']
}

function RequestFacts({ record, times }: RequestFactsProps) {
  const text = (field: string) => (typeof record[field] === 'string' ? <Value text={record[field]} /> : undefined)
  const time = (ms: number | null) => (ms === null ? undefined : durationText(ms))
  return (
    <Section title="Request">
      <Facts
        facts={[
          ['Time', <Time key="v" iso={record.time} />],
          ['Method', text('http.request.method')],
          ['Host', text('server.address')],
          ['Path', text('url.path')],
          ['Service', text('gatehouse.service')],
          ['Route', text('gatehouse.route')],
          ['Subject', text('user.id')],
          ['Client', text('gatehouse.client')],
          ['Address', text('client.address')],
          ['Node', text('gatehouse.node')],
          ['Policy', text('gatehouse.policy.revision')],
          ['Upstream', text('gatehouse.upstream')],
          ['Time in the gate', time(times.gate_ms)],
          ['Time of the service', time(times.upstream_ms)],
          ['Total', time(times.total_ms)],
        ]}
      />
    </Section>
  )
}

function Trace({ trace: { trace_id: id, recorded, link } }: { readonly trace: NonNullable<ExchangeReply['trace']> }) {
  const isAllowed = useMay('show_trace')
  const [isOpen, setOpen] = useState(false)
  return (
    <Section title="Trace" aside={<code>{id}</code>}>
      {!recorded && <Notice quiet>The trace of this exchange was not recorded here.</Notice>}
      {recorded && !isAllowed && <Notice quiet>The whole trace needs gatehouse:read.</Notice>}
      {recorded && isAllowed && !isOpen && (
        <button type="button" className="button" onClick={() => setOpen(true)}>
          Show the whole trace
        </button>
      )}
      {isOpen && <WholeTrace id={id} />}
      {link !== null && (
        <p>
          <a href={link} rel="noreferrer" target="_blank">
            Open the trace in the tracing system
          </a>
        </p>
      )}
    </Section>
  )
}

/** All exchanges and jobs of a trace. */
function WholeTrace({ id }: { readonly id: string }) {
  const trace = useOperation('show_trace', { path: { trace_id: id } })
  return <LoadedContent of={trace}>{({ spans }) => <Timeline spans={spans} />}</LoadedContent>
}

const checkTexts = {
  authentic: 'The batch of the record is unchanged, and sealed with an audit key of this node.',
  unchanged: 'The batch of the record fits its seal, which has no key that this node knows.',
  altered: 'The batch of the record does not fit its seal: the log was changed.',
} as const

function RecordFields({ record, place }: { readonly record: ShownRecord; readonly place: PlacedRecord['place'] }) {
  const fields = Object.entries(record)
  return (
    <Section title="Record" aside={<code>{record.id}</code>}>
      {place.check === 'altered' ? (
        <Notice tone="bad">{checkTexts.altered}</Notice>
      ) : (
        <p className="muted">{checkTexts[place.check]}</p>
      )}
      <Facts
        facts={[
          ['Chain', <Value key="v" text={place.chain} isCode />],
          ['Record', place.number === null ? undefined : String(place.number)],
          ['Sealed batch', `records ${place.first} to ${place.last}`],
          ['Hash', <Value key="v" text={place.hash} isCode />],
          ['Previous hash', <Value key="v" text={place.previous} isCode />],
          ['Audit key', place.key === null ? undefined : <Value key="v" text={place.key} isCode />],
        ]}
      />
      <details className="record">
        <summary>{fields.length} fields</summary>
        <dl>
          {fields.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <Value text={typeof value === 'string' ? value : JSON.stringify(value)} isCode />
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </Section>
  )
}

function explainPath(record: ShownRecord): string {
  const host = record['server.address']
  const path = record['url.path'] ?? '/'
  const given = {
    method: record['http.request.method'] ?? 'GET',
    url: typeof host === 'string' ? `http://${host}${path}` : path,
    address: String(record['client.address'] ?? ''),
  }
  return `/explain?${new URLSearchParams(given)}`
}

export const exchangeView = consoleView({
  path: '/exchanges/:id',
  title: 'Exchange',
  needs: ['show_exchange'],
  component: Exchange,
  cliTwin: (_query, params) => cliCommand(['exchange', params['id'] ?? 'ID']),
})

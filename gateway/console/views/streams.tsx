import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { useClusterList } from '../api/use-cluster-list.ts'
import { ConfirmedChange } from '../parts/confirm.tsx'
import { ChoiceFilter, Filters, TextFilter } from '../parts/field.tsx'
import { useIssuerNames } from '../parts/issuer-field.tsx'
import { LoadedContent, Notice } from '../parts/notices.tsx'
import { OrderReceipt, receiptWait } from '../parts/receipt.tsx'
import { Section } from '../parts/section.tsx'
import { type StreamsToEnd, StreamTable } from '../parts/stream-table.tsx'
import { SummaryGaps } from '../parts/summary-gaps.tsx'
import { Value } from '../parts/texts.tsx'
import { useQuery } from '../router.ts'
import { useMay } from '../session.ts'
import { cliCommand } from '../text/command-line.ts'
import { countText } from '../text/format.ts'
import { chosenStreams, streamListQuery } from '../text/stream-selection.ts'
import { consoleView } from '../view.ts'

type Streams = ReplyOf<'list_streams'>

function StreamsOfCluster() {
  const [query] = useQuery()
  const [ending, setEnding] = useState<StreamsToEnd>()
  const [ended, setEnded] = useState<ReplyOf<'end_streams'>>()
  const streams = useClusterList('list_streams', streamListQuery(query))
  return (
    <>
      <StreamFilters nodes={streams.document?.nodes ?? []} />
      {ended !== undefined && <Ended reply={ended} />}
      <LoadedContent of={streams}>{(document) => <StreamList document={document} onEnd={setEnding} />}</LoadedContent>
      {ending !== undefined && (
        <EndStreams
          ending={ending}
          onDone={(reply) => {
            setEnded(reply)
            streams.reload()
          }}
          onClose={() => setEnding(undefined)}
        />
      )}
    </>
  )
}

function StreamFilters({ nodes }: { readonly nodes: readonly { readonly node: string }[] }) {
  const [query, setQuery] = useQuery()
  const issuers = useIssuerNames()
  const set = (name: string) => (value: string) => setQuery({ [name]: value })
  const node = query.get('node') ?? ''
  const ids = new Set([...nodes.map((each) => each.node), ...(node === '' ? [] : [node])])
  return (
    <Filters>
      <TextFilter label="Subject" value={query.get('subject') ?? ''} onChange={set('subject')} placeholder="any" />
      <TextFilter
        label="Issuer"
        value={query.get('issuer') ?? ''}
        onChange={set('issuer')}
        placeholder="any"
        choices={issuers}
      />
      <TextFilter label="Route" value={query.get('route') ?? ''} onChange={set('route')} placeholder="any" />
      <ChoiceFilter label="Node" value={node} choices={[...ids]} onChange={set('node')} />
    </Filters>
  )
}

interface StreamListProps {
  readonly document: Streams
  readonly onEnd: (ending: StreamsToEnd) => void
}

function StreamList({ document: { nodes, streams, total }, onEnd }: StreamListProps) {
  const [query] = useQuery()
  const mayEnd = useMay('end_streams')
  const node = query.get('node')
  const shown = node === null ? streams : streams.filter((each) => each.node === node)
  const selected = chosenStreams(query)
  return (
    <>
      <SummaryGaps nodes={nodes} things="streams" />
      {shown.length === 0 ? (
        <Notice quiet>
          {query.size === 0
            ? 'No stream is open: no WebSocket, event stream, long download or long upload.'
            : 'No open stream matches the filters.'}
        </Notice>
      ) : (
        <Section title="Open streams" aside={`${countText(shown.length)} of ${countText(total)}`}>
          <StreamTable streams={shown} {...(mayEnd && { onEnd })} />
        </Section>
      )}
      {mayEnd && selected !== undefined && (
        <p className="foot pages">
          <button type="button" className="button danger" onClick={() => onEnd({ selected })}>
            End all of this {selected.subject === undefined ? 'route' : 'subject'} …
          </button>
        </p>
      )}
    </>
  )
}

function Ended({ reply: { receipt } }: { readonly reply: ReplyOf<'end_streams'> }) {
  return (
    <>
      <OrderReceipt key={receipt.id} title="Ended streams" receipt={receipt} effect="end the selected streams" />
      {receipt.unable.length > 0 && (
        <Notice tone="bad">
          <Value text={receipt.unable.join(', ')} /> cannot end streams, because the version is older. Its streams
          continue.
        </Notice>
      )}
    </>
  )
}

interface EndStreamsProps {
  readonly ending: StreamsToEnd
  readonly onDone: (reply: ReplyOf<'end_streams'>) => void
  readonly onClose: () => void
}

function EndStreams({ ending: { selected, stream }, onDone, onClose }: EndStreamsProps) {
  const { id, subject, route } = selected
  return (
    <ConfirmedChange
      operation="end_streams"
      title={id === undefined ? 'End all streams' : 'End a stream'}
      action="End"
      inputOf={(reason) => ({
        query: { wait: receiptWait },
        body: { ...selected, ...(reason !== undefined && { reason }) },
      })}
      onDone={onDone}
      onClose={onClose}
    >
      <p className="target">
        <Value text={subject ?? route ?? id ?? ''} isCode />
      </p>
      {stream !== undefined && (
        <p>
          This stream of {stream.subject === null ? 'an anonymous client' : <Value text={stream.subject} />} on the
          route <Value text={stream.route} /> ends. Other streams of its client continue.
        </p>
      )}
      {subject !== undefined && <p>All streams of this subject end on every node, on all routes.</p>}
      {route !== undefined && <p>All streams of this route end on every node, of all clients.</p>}
      <p>
        Nothing is revoked: a client with a valid token or session can connect again at once. To keep a client out,
        revoke its token, session or subject.
      </p>
    </ConfirmedChange>
  )
}

export const streamsView = consoleView({
  path: '/streams',
  title: 'Streams',
  group: 'Traffic',
  key: 's',
  needs: ['list_streams'],
  component: StreamsOfCluster,
  cliTwin: (query) => cliCommand(['streams', 'list'], { ...streamListQuery(query), cluster: true }),
})

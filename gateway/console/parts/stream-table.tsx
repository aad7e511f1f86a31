import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { exchangePath } from '../search-choices.ts'
import { bytesText, countText } from '../text/format.ts'
import type { SelectedStreams } from '../text/stream-selection.ts'
import { Link } from './link.tsx'
import { StateSign } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Distance, Value } from './texts.tsx'

type Stream = ReplyOf<'list_streams'>['streams'][number]

/** Streams that an operator asks to end. */
export interface StreamsToEnd {
  readonly selected: SelectedStreams
  /** The stream, when only one is selected. */
  readonly stream?: Stream
}

/** Number of streams that the table shows at first, and that each press of its button adds. */
const PAGE = 200

interface StreamTableProps {
  readonly streams: readonly Stream[]
  /** Asks to end one stream; absent when the operator may not end streams. */
  readonly onEnd?: (ending: StreamsToEnd) => void
}

/** Open streams, the oldest first. */
export function StreamTable({ streams, onEnd }: StreamTableProps) {
  const [shown, setShown] = useState(PAGE)
  return (
    <>
      <DataTable
        caption="Open streams"
        columns={onEnd === undefined ? columns : [...columns, endColumn(onEnd)]}
        rows={streams.slice(0, shown)}
        keyOf={({ id, node }) => `${node} ${id}`}
      />
      {streams.length > shown && (
        <p className="foot pages">
          <button type="button" className="button" onClick={() => setShown(shown + PAGE)}>
            Show more of {countText(streams.length - shown)} further streams
          </button>
        </p>
      )}
    </>
  )
}

const kinds: Readonly<Record<Stream['kind'], string>> = {
  websocket: 'WebSocket',
  events: 'event stream',
  download: 'download',
  upload: 'upload',
}

const columns: readonly Column<Stream>[] = [
  { title: 'Subject', isName: true, cell: (stream) => <Subject stream={stream} /> },
  {
    title: 'Route',
    cell: ({ route }) => (
      <Link to={`/streams?${new URLSearchParams({ route })}`} title="All streams of this route">
        <Value text={route} />
      </Link>
    ),
  },
  {
    title: 'Kind',
    isExtra: true,
    cell: ({ id, kind }) => (
      <Link to={exchangePath(id)} title="The exchange of this stream">
        {kinds[kind]}
      </Link>
    ),
  },
  {
    title: 'Node',
    isExtra: true,
    cell: ({ node }) =>
      node !== undefined && (
        <Link to={`/streams?${new URLSearchParams({ node })}`} title="All streams of this node">
          <Value text={node} />
        </Link>
      ),
  },
  { title: 'Address', isExtra: true, cell: ({ address }) => <Value text={address} isCode /> },
  { title: 'Started', cell: ({ started_at: at }) => <Distance iso={at} /> },
  {
    title: 'Messages in / out',
    isNumber: true,
    isExtra: true,
    cell: ({ messages_in: sent, messages_out: received }) =>
      sent !== null && `${countText(sent)} / ${countText(received ?? 0)}`,
  },
  {
    title: 'Bytes in / out',
    isNumber: true,
    isExtra: true,
    cell: ({ bytes_in: sent, bytes_out: received }) => `${bytesText(sent)} / ${bytesText(received)}`,
  },
  { title: 'State', isExtra: true, cell: ({ held }) => <StreamState isHeld={held} /> },
]

function StreamState({ isHeld }: { readonly isHeld: boolean }) {
  if (!isHeld) return <StateSign tone="good">open</StateSign>
  return (
    <span title="The node relays nothing: it cannot check whether the stream is still allowed.">
      <StateSign tone="warn">held</StateSign>
    </span>
  )
}

function Subject({ stream: { subject, issuer } }: { readonly stream: Stream }) {
  if (subject === null) return <span className="muted">anonymous</span>
  const query = new URLSearchParams({ subject, ...(issuer !== null && { issuer }) })
  return (
    <Link to={`/streams?${query}`} title="All streams of this subject">
      <Value text={subject} />
    </Link>
  )
}

function endColumn(onEnd: (ending: StreamsToEnd) => void): Column<Stream> {
  return {
    title: 'Change',
    cell: (stream) => (
      <button
        type="button"
        className="button small"
        aria-label={`End stream ${stream.id} of ${stream.subject ?? 'an anonymous client'}`}
        onClick={() => onEnd({ selected: { id: stream.id }, stream })}
      >
        End …
      </button>
    ),
  }
}

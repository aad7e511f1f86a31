import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { useMay } from '../session.ts'
import { countText, durationText } from '../text/format.ts'
import { ConfirmedChange } from './confirm.tsx'
import { LoadedContent, Notice } from './notices.tsx'
import { Section } from './section.tsx'
import { StateSign } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Value } from './texts.tsx'

/** Pause between two loads of the sinks, ms. */
const EVERY_MS = 5000
/** Age of the oldest record that a sink has not received from which the console marks the sink, s. */
const LAG_S = 60

type Sink = ReplyOf<'list_audit_sinks'>['sinks'][number]

/** The audit sinks with their backlogs. Dead letters can be sent again. */
export function AuditSinks() {
  const isAllowed = useMay('list_audit_sinks')
  const sinks = useOperation('list_audit_sinks', {}, { everyMs: EVERY_MS, enabled: isAllowed })
  const [replaying, setReplaying] = useState<Sink>()
  const [done, setDone] = useState<ReplyOf<'replay_audit'>>()
  if (!isAllowed) {
    return (
      <Section title="Audit sinks">
        <Notice quiet>Your token lacks the scope gatehouse:audit.</Notice>
      </Section>
    )
  }
  if (sinks.problem?.code === 'cluster_unavailable') return null
  return (
    <Section title="Audit sinks">
      {done !== undefined && (
        <Notice>
          {countText(done.letters ?? 0)} records are sent to <Value text={done.sink} /> again.
        </Notice>
      )}
      <LoadedContent of={sinks} empty={(document) => document.sinks.length === 0 && 'The settings have no audit sink.'}>
        {(document) => (
          <DataTable
            caption="Audit sinks"
            columns={columnsOf(setReplaying)}
            rows={document.sinks}
            keyOf={({ sink }) => sink}
          />
        )}
      </LoadedContent>
      {replaying !== undefined && (
        <ConfirmedChange
          operation="replay_audit"
          title="Send dead letters again"
          action="Send"
          asksReason={false}
          inputOf={() => ({ body: { what: 'dead', sink: replaying.sink } })}
          onDone={(reply) => {
            setDone(reply)
            sinks.reload()
          }}
          onClose={() => setReplaying(undefined)}
        >
          <p className="target">
            <Value text={replaying.sink} isCode />
          </p>
          <p>
            Workers send the {countText(replaying.dead_letters)} records that the sink rejected again. A record that it
            rejects again stays a dead letter.
          </p>
          {replaying.last_rejection !== null && (
            <p>
              Last rejection: <Value text={replaying.last_rejection} />
            </p>
          )}
        </ConfirmedChange>
      )}
    </Section>
  )
}

const columnsOf = (onReplay: (sink: Sink) => void): readonly Column<Sink>[] => [
  { title: 'Sink', isName: true, cell: ({ sink }) => <Value text={sink} /> },
  { title: 'State', cell: (sink) => <SinkState sink={sink} /> },
  {
    title: 'Not delivered',
    isNumber: true,
    cell: ({ lag_records: lag, lag_complete: isComplete }) => `${isComplete ? '' : '≥ '}${countText(lag)}`,
  },
  { title: 'Delivered', isNumber: true, isExtra: true, cell: ({ shipped }) => countText(shipped) },
  { title: 'Dead letters', isNumber: true, cell: ({ dead_letters: dead }) => countText(dead) },
  { title: 'Last error', isExtra: true, cell: ({ last_error: text }) => text !== null && <Value text={text} /> },
  { title: 'Change', cell: (sink) => <ReplayButton sink={sink} onReplay={onReplay} /> },
]

function SinkState({ sink: { configured, failures, lag_seconds: lagS, dead_letters: dead } }: { readonly sink: Sink }) {
  if (failures > 0) return <StateSign tone="bad">{countText(failures)} failed deliveries</StateSign>
  if (!configured) return <StateSign tone="warn">not in the settings</StateSign>
  if (dead > 0) return <StateSign tone="warn">rejected records</StateSign>
  if (lagS > LAG_S) return <StateSign tone="warn">{durationText(lagS * 1000)} behind</StateSign>
  return <StateSign tone="good">up to date</StateSign>
}

interface ReplayButtonProps {
  readonly sink: Sink
  readonly onReplay: (sink: Sink) => void
}

function ReplayButton({ sink, onReplay }: ReplayButtonProps) {
  if (sink.dead_letters === 0) return null
  return (
    <button
      type="button"
      className="button small"
      aria-label={`Send the dead letters of ${sink.sink} again`}
      onClick={() => onReplay(sink)}
    >
      Send again …
    </button>
  )
}

import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { countText } from '../text/format.ts'
import type { UpstreamRow } from '../text/upstream-rows.ts'
import { ConfirmedChange } from './confirm.tsx'
import { Value } from './texts.tsx'

/** Durations of a drain that the dialog offers, s; `''`: until an operator ends it. */
const durations = [
  ['600', '10 minutes'],
  ['3600', '1 hour'],
  ['14400', '4 hours'],
  ['86400', '1 day'],
  ['', 'until an operator ends it'],
] as const

interface DrainDialogProps {
  readonly row: UpstreamRow
  readonly onDone: (reply: ReplyOf<'drain_upstream'>) => void
  readonly onClose: () => void
}

/** Dialog that drains an upstream on every node for a time. */
export function DrainUpstream({ row, onDone, onClose }: DrainDialogProps) {
  const { service, upstream, calls, isLast } = row
  const [forS, setForS] = useState<string>('3600')
  return (
    <ConfirmedChange
      operation="drain_upstream"
      title="Drain an upstream"
      action="Drain"
      asksReason={false}
      inputOf={() => ({ body: { upstream, service, ...(forS !== '' && { for_s: Number(forS) }) } })}
      onDone={onDone}
      onClose={onClose}
    >
      <Target row={row} />
      <p>
        No node sends new calls to it. Running calls and WebSockets continue: this node has {countText(calls)}. The
        drain survives restarts and changes of the policy.
      </p>
      {isLast && (
        <p>
          <strong>No other upstream of this service is in service.</strong> While all are drained, the nodes call them
          as if none was.
        </p>
      )}
      <label>
        Duration
        <select name="duration" value={forS} onChange={(event) => setForS(event.target.value)}>
          {durations.map(([seconds, text]) => (
            <option key={seconds} value={seconds}>
              {text}
            </option>
          ))}
        </select>
      </label>
    </ConfirmedChange>
  )
}

/** Dialog that ends the drain of an upstream on every node. */
export function EndDrain({ row, onDone, onClose }: DrainDialogProps) {
  const { service, upstream } = row
  return (
    <ConfirmedChange
      operation="undrain_upstream"
      title="End the drain of an upstream"
      action="End drain"
      asksReason={false}
      inputOf={() => ({ body: { upstream, service } })}
      onDone={onDone}
      onClose={onClose}
    >
      <Target row={row} />
      <p>Every node sends calls to it again, with the slow start of its service.</p>
    </ConfirmedChange>
  )
}

function Target({ row: { service, upstream } }: { readonly row: UpstreamRow }) {
  return (
    <p className="target">
      <Value text={upstream} isCode /> of <Value text={service} />
    </p>
  )
}

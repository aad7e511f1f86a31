import { useEffect, useState } from 'react'
import { useOperation } from '../api/use-operation.ts'
import { useMay } from '../session.ts'
import { durationText } from '../text/format.ts'
import { type ReceiptRow, receiptRows, type ShownReceipt } from '../text/receipt-rows.ts'
import { Notice } from './notices.tsx'
import { Section } from './section.tsx'
import { StateSign, type StateTone } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Time, Value } from './texts.tsx'

/** Pause between two calls that read how far each node has applied the event log, ms. */
const LOOK_EVERY_MS = 500

/** Parameter `wait` of calls with a receipt: nodes in contact with Redis acknowledge within milliseconds. */
export const receiptWait = '1s'

interface ReceiptProps {
  readonly title: string
  readonly receipt: ShownReceipt
  /** End of the sentence "Nodes in contact …", such as `reject the revoked tokens`. */
  readonly effect: string
}

/** Receipt of an order to all nodes. It fills node by node until all have applied the order. */
export function OrderReceipt({ title, receipt, effect }: ReceiptProps) {
  const mayLook = useMay('list_nodes')
  const [complete, setComplete] = useState(receipt.missing.length === 0)
  const looks = mayLook && !complete
  const nodes = useOperation('list_nodes', {}, { everyMs: LOOK_EVERY_MS, enabled: looks })
  const rows = receiptRows(receipt, nodes.document?.nodes)
  const waiting = rows.filter(({ state }) => state === 'waiting').length
  useEffect(() => setComplete(waiting === 0), [waiting])
  const columns: readonly Column<ReceiptRow>[] = [
    { title: 'Node', isName: true, cell: ({ node }) => <Value text={node} /> },
    { title: 'State', cell: ({ state }) => <StateSign tone={tones[state]}>{stateTexts[state]}</StateSign> },
    { title: 'After', isNumber: true, cell: ({ ms }) => (ms === undefined ? '' : durationText(ms)) },
  ]
  return (
    <Section title={title} aside={<span>Order {receipt.id}</span>}>
      <div role="status">
        <Notice tone={waiting === 0 ? 'plain' : 'warn'}>
          {waiting === 0 ? (
            <strong>All nodes {effect}.</strong>
          ) : (
            <>
              <strong>
                {rows.length - waiting} of {rows.length} nodes {effect}.
              </strong>{' '}
              {waiting === 1 ? 'The other node does' : 'The others do'} at <Time iso={receipt.fenced_by} /> at the
              latest, even without contact to Redis.
            </>
          )}{' '}
          {storedText(receipt)}
        </Notice>
      </div>
      <DataTable caption="Nodes of the receipt" columns={columns} rows={rows} keyOf={({ node }) => node} />
    </Section>
  )
}

const tones: Readonly<Record<ReceiptRow['state'], StateTone>> = {
  acknowledged: 'good',
  applied: 'good',
  waiting: 'warn',
  left: 'plain',
}

const stateTexts: Readonly<Record<ReceiptRow['state'], string>> = {
  acknowledged: 'acknowledged',
  applied: 'applied later',
  waiting: 'not heard yet',
  left: 'left the cluster',
}

function storedText({ replicas, fsynced }: ShownReceipt): string {
  const copies = replicas === 0 ? '' : ` and in ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`
  return `Stored in Redis${copies}${fsynced ? ', and on disk' : ''}.`
}

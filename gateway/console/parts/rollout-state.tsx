import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { useMay } from '../session.ts'
import { countText, durationText, shareText } from '../text/format.ts'
import { ConfirmedChange } from './confirm.tsx'
import { Facts } from './facts.tsx'
import { LoadedContent } from './notices.tsx'
import { Section } from './section.tsx'
import { StateSign, type StateTone } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Time, Value } from './texts.tsx'

/** Pause between two loads of the rollout, ms. */
const EVERY_MS = 3000

type Rollout = ReplyOf<'show_rollout'>
type Running = NonNullable<Rollout['running']>

/** The running rollout with its comparison, or how the last one ended. */
export function RolloutState({ onEnded }: { readonly onEnded: () => void }) {
  const rollout = useOperation('show_rollout', {}, { everyMs: EVERY_MS })
  const reload = () => {
    rollout.reload()
    onEnded()
  }
  return (
    <Section title="Rollout">
      <LoadedContent
        of={rollout}
        empty={({ running, last }) => !running && !last && 'No rollout runs, and none has ended.'}
      >
        {({ running, last }) => (
          <>
            {running && <RunningRollout running={running} onEnded={reload} />}
            {!running && last && <LastRollout last={last} />}
          </>
        )}
      </LoadedContent>
    </Section>
  )
}

function LastRollout({ last }: { readonly last: NonNullable<Rollout['last']> }) {
  const { outcome, why, number, base, author, by, ended } = last
  return (
    <Facts
      facts={[
        [
          'Last rollout',
          <StateSign key="v" tone={outcome === 'promoted' ? 'good' : 'warn'}>
            {outcome}
          </StateSign>,
        ],
        ['Revision', `${number}, in place of ${base}`],
        ['Why', <Value key="v" text={why} />],
        ['Started by', <Value key="v" text={author} />],
        ['Ended by', <Value key="v" text={by} />],
        ['Ended', <Time key="v" iso={ended} />],
      ]}
    />
  )
}

const nodeTones: Readonly<Record<Running['nodes'][number]['state'], StateTone>> = {
  starting: 'plain',
  enforces: 'good',
  unable: 'bad',
  gone: 'warn',
}

function RunningRollout({ running, onEnded }: { readonly running: Running; readonly onEnded: () => void }) {
  const { number, base, author, message, left_s: leftS, nodes } = running
  return (
    <>
      <Facts
        facts={[
          ['Revision', `${number}, in place of ${base}`],
          ['Comparison ends in', durationText(leftS * 1000)],
          ['Started by', <Value key="v" text={author} />],
          ['Reason', <Value key="v" text={message} />],
          [
            'Withdrawn above',
            `${running.max_faults_percent} % faults, ${running.max_new_denials_percent} % new denials`,
          ],
          [
            'Nodes that try it',
            nodes.map(({ node, state, problem }) => (
              <div key={node}>
                <StateSign tone={nodeTones[state]}>
                  <Value text={node} /> {state} {problem !== null && <Value text={problem} />}
                </StateSign>
              </div>
            )),
          ],
        ]}
      />
      <ComparedRoutes running={running} />
      <EndRollout running={running} onEnded={onEnded} />
    </>
  )
}

type ComparedRoute = Running['routes'][number]

function ComparedRoutes({ running: { routes, routes_omitted: omitted } }: { readonly running: Running }) {
  const share = (side: 'canary' | 'others', what: 'denials' | 'faults') => (route: ComparedRoute) =>
    shareText(route[side][what], route[side].requests)
  const columns: readonly Column<ComparedRoute>[] = [
    { title: 'Route', isName: true, cell: ({ route }) => <Value text={route ?? 'no route'} /> },
    { title: 'Requests, new', isNumber: true, isExtra: true, cell: ({ canary }) => countText(canary.requests) },
    { title: 'old', isNumber: true, isExtra: true, cell: ({ others }) => countText(others.requests) },
    { title: 'Denials, new', isNumber: true, cell: share('canary', 'denials') },
    { title: 'old ', isNumber: true, cell: share('others', 'denials') },
    { title: 'Faults, new', isNumber: true, cell: share('canary', 'faults') },
    { title: 'old  ', isNumber: true, cell: share('others', 'faults') },
  ]
  if (routes.length === 0) return <p className="muted">No request has been compared yet.</p>
  return (
    <>
      <DataTable
        caption="Requests by route, new and old revision"
        columns={columns}
        rows={routes}
        keyOf={({ route }) => route ?? ''}
      />
      {omitted > 0 && <p className="muted">{countText(omitted)} more routes are not listed.</p>}
    </>
  )
}

type End = 'promote_rollout' | 'abort_rollout'

function EndRollout({
  running: { number, base },
  onEnded,
}: {
  readonly running: Running
  readonly onEnded: () => void
}) {
  const [end, setEnd] = useState<End>()
  const mayEnd = useMay('promote_rollout')
  if (!mayEnd) return <p className="muted">To end the rollout needs the scope gatehouse:policy.</p>
  return (
    <p className="foot pages">
      <button type="button" className="button" onClick={() => setEnd('promote_rollout')}>
        Promote …
      </button>
      <button type="button" className="button danger" onClick={() => setEnd('abort_rollout')}>
        Abort …
      </button>
      {end !== undefined && (
        <ConfirmedChange
          operation={end}
          title={end === 'promote_rollout' ? `Promote revision ${number}` : `Abort the rollout of revision ${number}`}
          action={end === 'promote_rollout' ? 'Promote' : 'Abort'}
          asksReason={false}
          inputOf={() => ({ body: { number } })}
          onDone={onEnded}
          onClose={() => setEnd(undefined)}
        >
          <p>
            {end === 'promote_rollout'
              ? `Revision ${number} becomes the active policy of every node at once, without the rest of the comparison.`
              : `The nodes that try revision ${number} return to revision ${base}, which stays the active policy.`}
          </p>
        </ConfirmedChange>
      )}
    </p>
  )
}

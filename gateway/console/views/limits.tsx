import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { useClusterList } from '../api/use-cluster-list.ts'
import { ConfirmedChange } from '../parts/confirm.tsx'
import { ChoiceFilter, Filters } from '../parts/field.tsx'
import { LoadedContent, Notice } from '../parts/notices.tsx'
import { Section } from '../parts/section.tsx'
import { StateSign } from '../parts/state.tsx'
import { SummaryGaps } from '../parts/summary-gaps.tsx'
import { type Column, DataTable } from '../parts/table.tsx'
import { Value } from '../parts/texts.tsx'
import { useQuery } from '../router.ts'
import { cliCommand } from '../text/command-line.ts'
import { countText, durationText } from '../text/format.ts'
import { type LimitWindow, type WindowToReset, windowText, windowToReset } from '../text/limit-window.ts'
import { consoleView } from '../view.ts'

/** Part of a limit from which the console marks a window as nearly full. */
const NEARLY = 0.8

interface Resetting {
  readonly window: LimitWindow
  readonly body: WindowToReset
}

function Limits() {
  const [query] = useQuery()
  const [resetting, setResetting] = useState<Resetting>()
  const [done, setDone] = useState<{ readonly text: string; readonly existed: boolean }>()
  const limit = query.get('limit')
  const limits = useClusterList('list_limits', limit === null ? {} : { limit })
  return (
    <>
      <LimitFilter windows={limits.document?.windows ?? []} />
      {done !== undefined && (
        <div role="status">
          <Notice>
            <strong>{done.existed ? 'The window is empty:' : 'The window was already empty:'}</strong>{' '}
            <Value text={done.text} />
          </Notice>
        </div>
      )}
      <LoadedContent of={limits}>
        {(document) => <WindowList document={document} onReset={(window, body) => setResetting({ window, body })} />}
      </LoadedContent>
      {resetting !== undefined && (
        <ResetLimit
          resetting={resetting}
          onDone={({ existed }) => {
            setDone({ text: nameOf(resetting.window), existed })
            limits.reload()
          }}
          onClose={() => setResetting(undefined)}
        />
      )}
    </>
  )
}

const nameOf = ({ limit, bucket }: LimitWindow) => `${limit} ${windowText(bucket)}`

function LimitFilter({ windows }: { readonly windows: readonly LimitWindow[] }) {
  const [query, setQuery] = useQuery()
  const limit = query.get('limit') ?? ''
  const names = new Set([...(limit === '' ? [] : [limit]), ...windows.map((window) => window.limit)])
  return (
    <Filters>
      <ChoiceFilter
        label="Limit"
        value={limit}
        choices={[...names].sort()}
        onChange={(chosen) => setQuery({ limit: chosen })}
      />
    </Filters>
  )
}

type OnReset = (window: LimitWindow, body: WindowToReset) => void

interface WindowListProps {
  readonly document: ReplyOf<'list_limits'>
  readonly onReset: OnReset
}

function WindowList({ document: { nodes, windows }, onReset }: WindowListProps) {
  return (
    <>
      <SummaryGaps nodes={nodes} things="windows" />
      {windows.length === 0 ? (
        <Notice quiet>No rate limit was used recently. Limits are in the policy, under `limits`.</Notice>
      ) : (
        <Section title="Windows by use" aside={countText(windows.length)}>
          <DataTable
            caption="Windows of rate limits, the fullest first"
            columns={[...columns, resetColumn(onReset)]}
            rows={windows}
            keyOf={nameOf}
          />
        </Section>
      )}
    </>
  )
}

const columns: readonly Column<LimitWindow>[] = [
  {
    title: 'Window of',
    isName: true,
    cell: ({ bucket: { issuer: _, ...key } }) => <Value text={windowText(key) || 'all requests'} />,
  },
  { title: 'Limit', cell: ({ limit }) => <Value text={limit} /> },
  { title: 'Used', cell: (window) => <Used window={window} /> },
  {
    title: 'Admits',
    isExtra: true,
    cell: ({ requests, window_ms: ms }) => `${countText(requests)} in ${durationText(ms)}`,
  },
  { title: 'Held by nodes', isNumber: true, isExtra: true, cell: ({ held }) => held !== null && countText(held) },
  { title: 'Mode', isExtra: true, cell: ({ mode }) => mode },
  { title: 'Issuer', isExtra: true, cell: ({ bucket: { issuer } }) => <Value text={String(issuer ?? '')} /> },
  { title: 'Nodes', isExtra: true, cell: ({ nodes = [] }) => <Value text={nodes.join(', ')} /> },
]

function Used({ window: { used, requests } }: { readonly window: LimitWindow }) {
  if (used === null) return <span className="muted">unknown: Redis is unavailable</span>
  const text = `${countText(used)} of ${countText(requests)}`
  if (used >= requests) return <StateSign tone="bad">{text}</StateSign>
  return <StateSign tone={used >= NEARLY * requests ? 'warn' : 'plain'}>{text}</StateSign>
}

function resetColumn(onReset: OnReset): Column<LimitWindow> {
  return {
    title: 'Change',
    cell: (window) => {
      const body = windowToReset(window)
      if (body === undefined) return null
      return (
        <button
          type="button"
          className="button small"
          aria-label={`Reset ${nameOf(window)}`}
          onClick={() => onReset(window, body)}
        >
          Reset …
        </button>
      )
    },
  }
}

interface ResetLimitProps {
  readonly resetting: Resetting
  readonly onDone: (reply: ReplyOf<'reset_limit'>) => void
  readonly onClose: () => void
}

function ResetLimit({ resetting: { window, body }, onDone, onClose }: ResetLimitProps) {
  const { requests, window_ms: ms, used } = window
  return (
    <ConfirmedChange
      operation="reset_limit"
      title="Reset a rate limit window"
      action="Reset"
      asksReason={false}
      inputOf={() => ({ body })}
      onDone={onDone}
      onClose={onClose}
    >
      <p className="target">
        <Value text={nameOf(window)} isCode />
      </p>
      <p>
        The whole cluster forgets {used === null ? 'the requests' : `${countText(used)} requests`} of this window. It
        admits {countText(requests)} requests in {durationText(ms)} again, from now on. Nodes can still use permits that
        they hold, for about 1 s.
      </p>
    </ConfirmedChange>
  )
}

export const limitsView = consoleView({
  path: '/limits',
  title: 'Limits',
  group: 'Traffic',
  key: 'm',
  needs: ['list_limits'],
  component: Limits,
  cliTwin: (query) =>
    cliCommand(['limits', 'list', ...(query.get('limit') ? [query.get('limit')!] : [])], { cluster: true }),
})

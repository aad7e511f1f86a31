import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { ConfirmedChange } from '../parts/confirm.tsx'
import { Filters, TextFilter } from '../parts/field.tsx'
import { useIssuerNames } from '../parts/issuer-field.tsx'
import { Link } from '../parts/link.tsx'
import { LoadedContent } from '../parts/notices.tsx'
import { OrderReceipt, receiptWait } from '../parts/receipt.tsx'
import { Section } from '../parts/section.tsx'
import { type Column, DataTable } from '../parts/table.tsx'
import { Distance, Time, Value } from '../parts/texts.tsx'
import { useQuery } from '../router.ts'
import { cliCommand } from '../text/command-line.ts'
import { countText } from '../text/format.ts'
import { chosenSessions, type SelectedSessions, sessionListQuery } from '../text/session-selection.ts'
import { consoleView } from '../view.ts'

/** Pause between two loads of the list, ms. */
const EVERY_MS = 10_000

type Sessions = ReplyOf<'list_sessions'>
type LoginSession = Sessions['sessions'][number]

function People() {
  const [query, setQuery] = useQuery()
  const [ending, setEnding] = useState<SelectedSessions>()
  const [ended, setEnded] = useState<ReplyOf<'end_sessions'>>()
  const sessions = useOperation('list_sessions', { query: sessionListQuery(query) }, { everyMs: EVERY_MS })
  const selected = chosenSessions(query)
  return (
    <>
      <PeopleFilters />
      {ended !== undefined && (
        <OrderReceipt
          key={ended.receipt.id}
          title={`Ended ${ended.ended.length} ${ended.ended.length === 1 ? 'session' : 'sessions'}`}
          receipt={ended.receipt}
          effect="reject the ended sessions"
        />
      )}
      <LoadedContent of={sessions} empty={({ total }) => total === 0 && emptyText(query)}>
        {(document) => (
          <Section
            title="Login sessions"
            aside={`${countText(document.sessions.length)} of ${countText(document.total)}`}
          >
            <SessionTable sessions={document.sessions} onEnd={setEnding} />
            <p className="foot pages">
              {selected !== undefined && (
                <button type="button" className="button danger" onClick={() => setEnding(selected)}>
                  End all {countText(document.total)} …
                </button>
              )}
              {query.has('after') && (
                <button type="button" className="button" onClick={() => setQuery({ after: undefined })}>
                  First page
                </button>
              )}
              {document.next !== null && (
                <button type="button" className="button" onClick={() => setQuery({ after: document.next ?? '' })}>
                  Next page
                </button>
              )}
            </p>
          </Section>
        )}
      </LoadedContent>
      {ending !== undefined && (
        <EndSessions
          selected={ending}
          onDone={(reply) => {
            setEnded(reply)
            sessions.reload()
          }}
          onClose={() => setEnding(undefined)}
        />
      )}
    </>
  )
}

function emptyText(query: URLSearchParams): string {
  return query.size === 0
    ? 'The cluster has no login session. Only routes with `login` in the policy make them.'
    : 'No login session matches the filters.'
}

function PeopleFilters() {
  const [query, setQuery] = useQuery()
  const issuers = useIssuerNames()
  const set = (name: string) => (value: string) => setQuery({ [name]: value, after: undefined })
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
      <TextFilter label="Device" value={query.get('device') ?? ''} onChange={set('device')} placeholder="any" />
      <TextFilter label="Session" value={query.get('session') ?? ''} onChange={set('session')} placeholder="any" />
    </Filters>
  )
}

interface SessionTableProps {
  readonly sessions: readonly LoginSession[]
  readonly onEnd: (selected: SelectedSessions) => void
}

function SessionTable({ sessions, onEnd }: SessionTableProps) {
  const subjectPath = ({ subject, issuer }: LoginSession) => `/people?${new URLSearchParams({ subject, issuer })}`
  const devicePath = ({ device }: LoginSession) => `/people?${new URLSearchParams({ device: device.id })}`
  const columns: readonly Column<LoginSession>[] = [
    {
      title: 'Subject',
      isName: true,
      cell: (each) => (
        <Link to={subjectPath(each)} title="All sessions of this person">
          <Value text={each.subject} />
        </Link>
      ),
    },
    {
      title: 'Browser',
      isExtra: true,
      cell: (each) => (
        <Link to={devicePath(each)} title="All sessions of this person in this browser">
          <Value text={each.device.user_agent || 'none stated'} />
        </Link>
      ),
    },
    { title: 'Address', isExtra: true, cell: ({ device }) => <Value text={device.address} isCode /> },
    { title: 'Created', isExtra: true, cell: ({ created_at: at }) => <Time iso={at} /> },
    { title: 'Used', cell: ({ used_at: at }) => <Distance iso={at} /> },
    { title: 'Ends', isExtra: true, cell: ({ ends_at: at }) => <Distance iso={at} /> },
    { title: 'Issuer', isExtra: true, cell: ({ issuer }) => <Value text={issuer} /> },
    { title: 'Change', cell: (each) => <EndButton session={each} onEnd={onEnd} /> },
  ]
  return <DataTable caption="Login sessions" columns={columns} rows={sessions} keyOf={({ session }) => session} />
}

function EndButton({ session: { session, subject }, onEnd }: { readonly session: LoginSession } & EndProps) {
  return (
    <button
      type="button"
      className="button small"
      aria-label={`End session ${session} of ${subject}`}
      onClick={() => onEnd({ session })}
    >
      End …
    </button>
  )
}

type EndProps = Pick<SessionTableProps, 'onEnd'>

interface EndSessionsProps {
  readonly selected: SelectedSessions
  readonly onDone: (reply: ReplyOf<'end_sessions'>) => void
  readonly onClose: () => void
}

function EndSessions({ selected, onDone, onClose }: EndSessionsProps) {
  const { subject, device, session } = selected
  return (
    <ConfirmedChange
      operation="end_sessions"
      title={subject === undefined ? 'End login sessions' : 'End all sessions and tokens of a person'}
      action="End"
      inputOf={(reason) => ({
        query: { wait: receiptWait },
        body: { ...selected, ...(reason !== undefined && { reason }) },
      })}
      onDone={onDone}
      onClose={onClose}
    >
      <p className="target">
        <Value text={subject ?? device ?? session ?? ''} isCode />
      </p>
      {subject !== undefined && (
        <p>
          All login sessions of this person end on every node, and the tokens that the person has now are rejected. The
          person can log in again.
        </p>
      )}
      {device !== undefined && <p>All login sessions of this person in this browser end on every node.</p>}
      {session !== undefined && <p>This login session ends on every node. Other sessions of the person continue.</p>}
    </ConfirmedChange>
  )
}

export const peopleView = consoleView({
  path: '/people',
  title: 'People',
  group: 'Access',
  key: 'p',
  needs: ['list_sessions'],
  component: People,
  cliTwin: (query) => cliCommand(['sessions', 'list'], sessionListQuery(query)),
})

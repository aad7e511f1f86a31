import { useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { DrainUpstream, EndDrain } from '../parts/drain-dialogs.tsx'
import { ChoiceFilter, Filters } from '../parts/field.tsx'
import { LoadedContent, Notice } from '../parts/notices.tsx'
import { Section } from '../parts/section.tsx'
import { Distance, Value } from '../parts/texts.tsx'
import { UpstreamTable } from '../parts/upstream-table.tsx'
import { useQuery } from '../router.ts'
import { useMay } from '../session.ts'
import { cliCommand } from '../text/command-line.ts'
import { drainsWithoutUpstream, type UpstreamChange, upstreamRows } from '../text/upstream-rows.ts'
import { consoleView } from '../view.ts'

/** Pause between two loads of the upstreams, ms. */
const EVERY_MS = 3000

type UpstreamList = ReplyOf<'list_upstreams'>

function Upstreams() {
  const [changing, setChanging] = useState<UpstreamChange>()
  const [done, setDone] = useState<Outcome>()
  const upstreams = useOperation('list_upstreams', {}, { everyMs: EVERY_MS })
  const finish = (reply: ReplyOf<'drain_upstream'>) => {
    if (changing !== undefined) setDone({ change: changing, reply })
    upstreams.reload()
  }
  const close = () => setChanging(undefined)
  return (
    <>
      {done !== undefined && <ChangeOutcome outcome={done} />}
      <LoadedContent of={upstreams} empty={emptyText}>
        {(document) => <UpstreamSections document={document} onChange={setChanging} />}
      </LoadedContent>
      {changing?.kind === 'drain' && <DrainUpstream row={changing.row} onDone={finish} onClose={close} />}
      {changing?.kind === 'undrain' && <EndDrain row={changing.row} onDone={finish} onClose={close} />}
    </>
  )
}

const emptyText = ({ upstreams, drains }: UpstreamList) =>
  upstreams.length + drains.length === 0 && 'The policy has no service with an upstream.'

interface UpstreamSectionsProps {
  readonly document: UpstreamList
  readonly onChange: (change: UpstreamChange) => void
}

function UpstreamSections({ document, onChange }: UpstreamSectionsProps) {
  const [query, setQuery] = useQuery()
  const mayDrain = useMay('drain_upstream')
  const service = query.get('service') ?? ''
  const rows = upstreamRows(document)
  const services = new Set([...rows.map((row) => row.service), ...(service === '' ? [] : [service])])
  const left = drainsWithoutUpstream(document)
  return (
    <>
      <Filters>
        <ChoiceFilter
          label="Service"
          value={service}
          choices={[...services].sort()}
          onChange={(chosen) => setQuery({ service: chosen })}
        />
      </Filters>
      <Section
        title="Upstreams"
        aside={
          <span>
            as <Value text={document.node} /> sees them
          </span>
        }
      >
        <UpstreamTable
          rows={rows.filter((row) => service === '' || row.service === service)}
          {...(mayDrain && { onChange })}
        />
      </Section>
      {left.length > 0 && (
        <Section title="Drains of upstreams that the policy no longer has">
          <ul className="plain">
            {left.map((drain) => (
              <li key={`${drain.service} ${drain.upstream}`}>
                <Value text={drain.upstream} isCode /> of <Value text={drain.service} />
                {drain.until === null ? ', without an end' : ', ends '}
                {drain.until !== null && <Distance iso={drain.until} />}
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  )
}

interface Outcome {
  readonly change: UpstreamChange
  readonly reply: ReplyOf<'drain_upstream'>
}

function ChangeOutcome({ outcome: { change, reply } }: { readonly outcome: Outcome }) {
  const { acknowledged, missing } = reply
  return (
    <div role="status">
      <Notice tone={missing.length === 0 ? 'plain' : 'warn'}>
        <strong>{change.kind === 'drain' ? 'Drained' : 'Ended the drain of'}</strong>{' '}
        <Value text={change.row.upstream} isCode /> on {acknowledged.length} of {acknowledged.length + missing.length}{' '}
        nodes.
        {missing.length > 0 && (
          <>
            {' '}
            <Value text={missing.join(', ')} /> has not answered: it applies the change when it has contact to Redis.
          </>
        )}
      </Notice>
    </div>
  )
}

export const upstreamsView = consoleView({
  path: '/upstreams',
  title: 'Upstreams',
  group: 'Cluster',
  key: 'u',
  needs: ['list_upstreams'],
  component: Upstreams,
  cliTwin: () => cliCommand(['upstreams']),
})

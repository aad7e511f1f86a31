import { type FormEvent, useState } from 'react'
import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { ConfirmedChange } from '../parts/confirm.tsx'
import { IssuerField } from '../parts/issuer-field.tsx'
import { Link } from '../parts/link.tsx'
import { Notice } from '../parts/notices.tsx'
import { OrderReceipt, receiptWait } from '../parts/receipt.tsx'
import { Value } from '../parts/texts.tsx'
import { useQuery } from '../router.ts'
import { useMay } from '../session.ts'
import {
  type RevocationForm,
  revocationBody,
  revocationCommand,
  revocationEffects,
  revocationKind,
  revocationKinds,
} from '../text/revocation-order.ts'
import { consoleView } from '../view.ts'

interface Done {
  readonly form: RevocationForm
  readonly receipt: ReplyOf<'revoke'>
}

function Revoke() {
  const [query, setQuery] = useQuery()
  const [asked, setAsked] = useState<RevocationForm>()
  const [done, setDone] = useState<Done>()
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const data = new FormData(event.currentTarget)
    const text = (name: string) => String(data.get(name) ?? '').trim()
    const [id, issuer, before] = [text('id'), text('issuer'), text('before')]
    setQuery({ id, issuer, before })
    setAsked({ kind: revocationKind(query.get('kind')), id, issuer, before, token: text('token') })
  }
  return (
    <>
      <RevokeForm query={query} onKind={(kind) => setQuery({ kind })} onSubmit={submit} />
      {done === undefined && (
        <Notice quiet>Say what to revoke. The console shows what it hits before anything is revoked.</Notice>
      )}
      {done !== undefined && <Revoked done={done} />}
      {asked !== undefined && (
        <ConfirmedChange
          operation="revoke"
          title={`Revoke ${kindTexts[asked.kind].toLowerCase()}`}
          action="Revoke"
          inputOf={(reason) => ({ query: { wait: receiptWait }, body: revocationBody(asked, reason)! })}
          onDone={(receipt) => setDone({ form: asked, receipt })}
          onClose={() => setAsked(undefined)}
        >
          <Consequence form={asked} />
        </ConfirmedChange>
      )}
    </>
  )
}

const kindTexts = {
  subject: 'Tokens of a subject',
  session: 'Login session or sid',
  client: 'Tokens of a client',
  token: 'One token, by its text',
  jti: 'One token, by its jti',
  issuer: 'Tokens of an issuer',
} as const

interface RevokeFormProps {
  readonly query: URLSearchParams
  readonly onKind: (kind: string) => void
  readonly onSubmit: (event: FormEvent<HTMLFormElement>) => void
}

function RevokeForm({ query, onKind, onSubmit }: RevokeFormProps) {
  const kind = revocationKind(query.get('kind'))
  const given = (name: string) => query.get(name) ?? ''
  return (
    <form className="form change-form" onSubmit={onSubmit}>
      <label>
        Revoke
        <select value={kind} onChange={(event) => onKind(event.target.value)}>
          {revocationKinds.map((each) => (
            <option key={each} value={each}>
              {kindTexts[each]}
            </option>
          ))}
        </select>
      </label>
      {kind === 'token' && (
        <label>
          Access token
          <input name="token" type="password" required autoComplete="off" spellCheck={false} />
        </label>
      )}
      {kind !== 'token' && kind !== 'issuer' && (
        <label>
          {idLabels[kind]}
          <input key={kind} name="id" type="text" required defaultValue={given('id')} spellCheck={false} />
        </label>
      )}
      <IssuerField value={given('issuer')} isRequired={kind === 'issuer'} />
      {kind === 'issuer' && (
        <label>
          Issued until (RFC 3339)
          <input
            name="before"
            type="text"
            required
            defaultValue={given('before') || new Date().toISOString()}
            spellCheck={false}
          />
        </label>
      )}
      <button type="submit" className="button danger">
        Revoke …
      </button>
    </form>
  )
}

const idLabels = { subject: 'Subject', session: 'Session (sid)', client: 'Client id', jti: 'jti' } as const

function Consequence({ form }: { readonly form: RevocationForm }) {
  const { kind, id, issuer, before } = form
  return (
    <>
      <p className="target">
        <Value text={kind === 'issuer' ? issuer : kind === 'token' ? 'the given token' : id} isCode />
        {kind === 'issuer' && (
          <>
            {' '}
            until <Value text={before} isCode />
          </>
        )}
        {kind !== 'issuer' && issuer !== '' && (
          <>
            {' '}
            of <Value text={issuer} isCode />
          </>
        )}
      </p>
      <p>{revocationEffects[kind]} A revocation cannot be undone.</p>
      {(kind === 'subject' || kind === 'session') && <HitSessions form={form} />}
    </>
  )
}

/** Number of login sessions that a revocation ends. */
function HitSessions({ form: { kind, id, issuer } }: { readonly form: RevocationForm }) {
  const enabled = useMay('list_sessions')
  const query = { [kind]: id, ...(kind === 'subject' && issuer !== '' && { issuer }) }
  const { document, problem } = useOperation('list_sessions', { query }, { enabled })
  if (!enabled) return <p className="muted">Login sessions are not counted: this needs the scope gatehouse:sessions.</p>
  if (problem?.code === 'sessions_unavailable') return null
  if (problem !== undefined) return <p className="muted">Login sessions are not counted: {problem.detail}</p>
  if (document === undefined) return <p className="muted">Counting login sessions …</p>
  return (
    <p>
      Login sessions of the gate that it ends now: <strong>{document.total}</strong>
    </p>
  )
}

function Revoked({ done: { form, receipt } }: { readonly done: Done }) {
  const maySessions = useMay('list_sessions')
  const mayAudit = useMay('search_audit')
  const live = new URLSearchParams(form.kind === 'subject' || form.kind === 'client' ? { [form.kind]: form.id } : {})
  return (
    <>
      <OrderReceipt key={receipt.id} title="Receipt" receipt={receipt} effect="reject the revoked tokens" />
      {receipt.matched_by === 'text' && (
        <Notice tone="warn">
          Nodes recognize the token only by its exact text. If the issuer accepts another text for the same token,
          revoke the subject or the client.
        </Notice>
      )}
      <p className="foot">
        {form.kind === 'subject' && maySessions && (
          <Link to={`/people?${new URLSearchParams({ subject: form.id })}`}>Sessions of this subject</Link>
        )}
        {mayAudit && <Link to={`/live?${live}`}>Live records</Link>}
      </p>
    </>
  )
}

export const revokeView = consoleView({
  path: '/revoke',
  title: 'Revoke',
  group: 'Access',
  key: 'r',
  needs: ['revoke'],
  component: Revoke,
  cliTwin: (query) => {
    const kind = revocationKind(query.get('kind'))
    const issuer = query.get('issuer') ?? (kind === 'issuer' ? 'ISSUER' : '')
    return revocationCommand({ kind, issuer, id: query.get('id') ?? 'ID', before: query.get('before') ?? 'TIME' })
  },
})

import { type FormEvent, useState } from 'react'
import { callOperation, type InputOf, type ReplyOf } from '../api/call.ts'
import { type CallProblem, endsSession, problemOfError } from '../api/problem.ts'
import { Explained } from '../parts/explained.tsx'
import { Notice, ProblemNotice } from '../parts/notices.tsx'
import { useQuery } from '../router.ts'
import { missingScope, useSession } from '../session.ts'
import { cliCommand } from '../text/command-line.ts'
import { consoleView } from '../view.ts'

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

type Explanation = ReplyOf<'explain_request'>
type Asked = InputOf<'explain_request'>['body']

function Explain() {
  const [query, setQuery] = useQuery()
  const { ended } = useSession()
  const [explanation, setExplanation] = useState<Explanation>()
  const [problem, setProblem] = useState<CallProblem>()
  const [busy, setBusy] = useState(false)

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const given = askedIn(new FormData(event.currentTarget))
    setBusy(true)
    setProblem(undefined)
    // The token stays out of the address.
    setQuery({ method: given.method, url: given.url, session: given.session, address: given.address })
    try {
      setExplanation(await callOperation('explain_request', { body: given }))
    } catch (error) {
      const refused = problemOfError(error)
      if (endsSession(refused)) ended(refused)
      setProblem(refused)
    }
    setBusy(false)
  }
  return (
    <>
      <ExplainForm query={query} busy={busy} onSubmit={(event) => void submit(event)} />
      {problem !== undefined && <ProblemNotice problem={problem} />}
      {explanation === undefined && problem === undefined && (
        <Notice quiet>
          Describe a request. The node says what it would do with it, and why, and forwards nothing.
        </Notice>
      )}
      {explanation !== undefined && <Explained explanation={explanation} />}
    </>
  )
}

function askedIn(form: FormData): Asked {
  const text = (name: string) => String(form.get(name) ?? '').trim()
  const optional = (name: 'token' | 'session' | 'address') => (text(name) === '' ? {} : { [name]: text(name) })
  return {
    method: text('method'),
    url: text('url'),
    ...optional('token'),
    ...optional('session'),
    ...optional('address'),
  }
}

interface ExplainFormProps {
  readonly query: URLSearchParams
  readonly busy: boolean
  readonly onSubmit: (event: FormEvent<HTMLFormElement>) => void
}

function ExplainForm({ query, busy, onSubmit }: ExplainFormProps) {
  const { session } = useSession()
  const sessionScope = missingScope(session, 'list_sessions')
  const given = (name: string, otherwise = '') => query.get(name) ?? otherwise
  return (
    <form className="form explain-form" onSubmit={onSubmit}>
      <label>
        Method
        <select name="method" defaultValue={given('method', 'GET')}>
          {methods.map((method) => (
            <option key={method}>{method}</option>
          ))}
        </select>
      </label>
      <label className="wide">
        URL or path
        <input name="url" type="text" required defaultValue={given('url')} placeholder="/orders/1" spellCheck={false} />
      </label>
      <label>
        Address of the client
        <input name="address" type="text" defaultValue={given('address')} placeholder="127.0.0.1" spellCheck={false} />
      </label>
      <label className="wide">
        Access token
        <input name="token" type="password" autoComplete="off" placeholder="none" spellCheck={false} />
      </label>
      <label>
        Login session
        <input
          name="session"
          type="text"
          defaultValue={given('session')}
          placeholder={sessionScope === undefined ? 'none' : `needs ${sessionScope}`}
          disabled={sessionScope !== undefined}
          spellCheck={false}
        />
      </label>
      <button type="submit" className="button primary" disabled={busy}>
        {busy ? 'Explaining …' : 'Explain'}
      </button>
    </form>
  )
}

export const explainView = consoleView({
  path: '/explain',
  title: 'Explain',
  group: 'Traffic',
  key: 'x',
  needs: ['explain_request'],
  component: Explain,
  cliTwin: (query) =>
    cliCommand(['explain', query.get('method') ?? 'GET', query.get('url') ?? '/'], {
      session: query.get('session'),
      address: query.get('address'),
    }),
})

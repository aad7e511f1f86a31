import { type FormEvent, useEffect, useState } from 'react'
import { type CallProblem, problemOfError } from './api/problem.ts'
import { Mark } from './parts/mark.tsx'
import { Notice, ProblemNotice } from './parts/notices.tsx'
import { navigate } from './router.ts'
import { openSession } from './session.ts'

interface LogInProps {
  /** Why there is no session, with the log-ins that the node offers. */
  readonly problem: CallProblem
  /** Whether to show the problem: an operator who only opened the page has none. */
  readonly isShown: boolean
  readonly onLogIn: () => Promise<void>
}

/** Sentences for the codes with which the node returns from a log-in at the issuer that failed. */
const loginErrors: Readonly<Record<string, string>> = {
  denied: 'The issuer did not allow the log-in.',
  expired: 'The log-in took longer than 10 minutes, or began in another browser. Log in again.',
  failed: 'The issuer is unavailable or sent an invalid reply. The log of the node has the cause.',
  refused: 'The admin API does not accept the token of the issuer. The log of the node has the cause.',
}

/** Log-in page: at the issuer, or with a token of the admin API. */
export function LogIn({ problem, isShown, onLogIn }: LogInProps) {
  const loginError = useLoginError()
  const { oidc = false } = problem.login ?? {}
  const target = location.pathname + location.search
  return (
    <div className="log-in">
      <h1>
        <Mark /> Gatehouse console
      </h1>
      {loginError !== undefined && <Notice tone="bad">{loginError}</Notice>}
      {isShown && <ProblemNotice problem={sessionProblem(problem)} />}
      {oidc && (
        <a className="button primary" href={`/console/login?to=${encodeURIComponent(target)}`}>
          Log in with the issuer
        </a>
      )}
      {oidc && <p className="or">or</p>}
      <TokenForm onLogIn={onLogIn} />
    </div>
  )
}

function TokenForm({ onLogIn }: Pick<LogInProps, 'onLogIn'>) {
  const [refused, setRefused] = useState<CallProblem>()
  const [busy, setBusy] = useState(false)
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const token = String(new FormData(event.currentTarget).get('token')).trim()
    setBusy(true)
    setRefused(undefined)
    try {
      await openSession({ token })
      await onLogIn()
    } catch (error) {
      setRefused(problemOfError(error))
      setBusy(false)
    }
  }
  return (
    <form onSubmit={submit}>
      <label htmlFor="token">Token of the admin API</label>
      <input
        id="token"
        name="token"
        type="password"
        autoComplete="off"
        spellCheck={false}
        required
        aria-describedby="token-about"
      />
      <p id="token-about" className="about">
        An access token of the issuer in <code>admin.issuer</code>, or the bootstrap token. The node keeps it; this
        browser gets a cookie only.
      </p>
      <button type="submit" className="button" disabled={busy}>
        {busy ? 'Logging in …' : 'Log in with the token'}
      </button>
      {refused !== undefined && <ProblemNotice problem={refused} />}
    </form>
  )
}

function sessionProblem(problem: CallProblem): CallProblem {
  return problem.code === 'session_ended' ? { ...problem, title: 'Your session has ended' } : problem
}

/** Reads the error of a log-in from the query, and removes it from the address. */
function useLoginError(): string | undefined {
  const [code] = useState(() => new URLSearchParams(location.search).get('login_error'))
  useEffect(() => {
    const query = new URLSearchParams(location.search)
    if (!query.has('login_error')) return
    query.delete('login_error')
    navigate(location.pathname + (query.size === 0 ? '' : `?${query}`), 'replace')
  }, [])
  return code === null ? undefined : (loginErrors[code] ?? 'The log-in failed. The log of the node has the cause.')
}

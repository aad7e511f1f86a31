import { useCallback, useEffect, useMemo, useState } from 'react'
import { type CallProblem, endsSession, problemOfError } from './api/problem.ts'
import { Layout } from './layout.tsx'
import { LogIn } from './log-in.tsx'
import { Notice, ProblemNotice } from './parts/notices.tsx'
import { type ConsoleSession, currentSession, openSession, SessionOfPage } from './session.ts'

type State =
  | { readonly is: 'loading' }
  | { readonly is: 'in'; readonly session: ConsoleSession }
  | { readonly is: 'out'; readonly problem: CallProblem; readonly isShown: boolean }
  | { readonly is: 'failed'; readonly problem: CallProblem }

/** The console: the log-in page, or the views of a session. */
export function App() {
  const [state, setState] = useState<State>({ is: 'loading' })

  const load = useCallback(async (refused?: CallProblem) => {
    try {
      setState({ is: 'in', session: await currentSession() })
    } catch (error) {
      const problem = problemOfError(error)
      if (!endsSession(problem)) setState({ is: 'failed', problem })
      else setState({ is: 'out', problem: { ...problem, ...refused }, isShown: refused !== undefined })
    }
  }, [])

  useEffect(() => {
    void followLink().then(load)
  }, [load])

  /** Asks the node once more which log-ins it offers: the problem of an ended session does not say that. */
  const ended = useCallback((problem: CallProblem) => void load(problem), [load])
  const session = state.is === 'in' ? state.session : undefined
  const context = useMemo(() => session && { session, ended }, [session, ended])

  if (context !== undefined) {
    return (
      <SessionOfPage value={context}>
        <Layout onLogOut={load} />
      </SessionOfPage>
    )
  }
  return (
    <main className="gate">
      {state.is === 'loading' && <Notice quiet>Loading the console …</Notice>}
      {state.is === 'failed' && <ProblemNotice problem={state.problem} onRetry={() => void load()} />}
      {state.is === 'out' && <LogIn problem={state.problem} isShown={state.isShown} onLogIn={load} />}
    </main>
  )
}

/**
 * Logs in with the one-time link in the fragment of the address, and removes it from the address first, so that neither
 * the history nor a bookmark has it. @returns the problem when the link was rejected
 */
async function followLink(): Promise<CallProblem | undefined> {
  const link = new URLSearchParams(location.hash.slice(1)).get('link')
  if (link === null) return undefined
  history.replaceState(null, '', location.pathname + location.search)
  try {
    await openSession({ link })
    return undefined
  } catch (error) {
    return problemOfError(error)
  }
}

import { useEffect, useReducer, useRef, useState } from 'react'
import { useSession } from '../session.ts'
import { callOperation, type InputOf, type OperationId, type ReplyOf } from './call.ts'
import { type CallProblem, endsSession, problemOfError } from './problem.ts'

/** State of a repeated call: the newest document, and the problem of the newest call if it failed. */
export interface Loaded<Document> {
  readonly document?: Document
  readonly problem?: CallProblem
  /** Time of the newest successful call, ms since the epoch. */
  readonly loadedMs?: number
  /** Calls the operation again at once. */
  readonly reload: () => void
}

export interface UseOperationOptions {
  /** Pause between two calls, ms. Default: the operation is called once. Hidden pages make no calls. */
  readonly everyMs?: number
  /** False: the operation is not called. Default true. */
  readonly enabled?: boolean
}

type State<Document> = Omit<Loaded<Document>, 'reload'>

/**
 * Calls an operation while the component is shown, again after each change of the input. A failed call keeps the
 * document of the call before.
 */
export function useOperation<Id extends OperationId>(
  id: Id,
  input: InputOf<Id>,
  { everyMs, enabled = true }: UseOperationOptions = {},
): Loaded<ReplyOf<Id>> {
  const [state, setState] = useState<State<ReplyOf<Id>>>({})
  const [round, reload] = useReducer((count: number) => count + 1, 0)
  const { ended } = useSession()
  const asked = JSON.stringify(input)
  const shown = useRef(asked)

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` starts the effect again.
  useEffect(() => {
    if (!enabled) return
    if (shown.current !== asked) setState({})
    shown.current = asked
    const leaving = new AbortController()
    const run = async () => {
      try {
        const document = await callOperation(id, JSON.parse(asked) as InputOf<Id>, leaving.signal)
        setState({ document, loadedMs: Date.now() })
      } catch (error) {
        if (leaving.signal.aborted) return
        const problem = problemOfError(error)
        if (endsSession(problem)) ended(problem)
        setState((before) => ({ ...before, problem }))
      }
    }
    void repeat(run, everyMs, leaving.signal)
    return () => leaving.abort()
  }, [id, asked, everyMs, enabled, round, ended])

  return { ...state, reload }
}

/** Runs `work`, which must not reject, and repeats it while the page is visible. */
async function repeat(work: () => Promise<void>, everyMs: number | undefined, signal: AbortSignal): Promise<void> {
  await work()
  while (everyMs !== undefined && !signal.aborted) {
    await pause(everyMs, signal)
    if (document.hidden) await visible(signal)
    if (!signal.aborted) await work()
  }
}

/** Resolves after a time, or as soon as the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return until(signal, (resolve, ending) => {
    const timer = setTimeout(resolve, ms)
    ending.addEventListener('abort', () => clearTimeout(timer))
  })
}

function visible(signal: AbortSignal): Promise<void> {
  return until(signal, (resolve, ending) => {
    const check = () => !document.hidden && resolve()
    document.addEventListener('visibilitychange', check, { signal: ending })
  })
}

/** Waits for `start` to resolve, or for `signal`. Afterwards no listener is left. */
function until(signal: AbortSignal, start: (resolve: () => void, ending: AbortSignal) => void): Promise<void> {
  const ending = new AbortController()
  return new Promise<void>((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { signal: ending.signal })
    start(resolve, ending.signal)
  }).finally(() => ending.abort())
}

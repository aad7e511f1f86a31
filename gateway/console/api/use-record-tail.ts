import { useEffect, useRef, useState } from 'react'
import { useSession } from '../session.ts'
import { RecordBuffer } from '../text/record-buffer.ts'
import type { ShownRecord } from '../text/shown-record.ts'
import { type InputOf, requestOperation } from './call.ts'
import { type CallProblem, endsSession, problemOfError } from './problem.ts'
import { type ServerEvent, serverEvents } from './server-events.ts'
import { pause } from './use-operation.ts'

/** Minimum time between two renewals of the view, ms, so that a fast stream does not occupy the browser. */
const RENEW_MS = 250
/** Pause before the console opens a broken stream of audit records again, ms. */
const REOPEN_MS = 2000
/** Number of the newest matching audit records with which the view begins. */
const FIRST_RECORDS = '100'

export type TailFilters = Omit<NonNullable<InputOf<'tail_audit'>['query']>, 'last'>

/** State of a live stream of audit records. */
export interface RecordTail {
  readonly records: RecordBuffer<ShownRecord>
  /** Number of matching records that the node has left out, because they were too many per second. */
  readonly leftOut: number
  readonly isConnected: boolean
  /** Why the node cannot read the audit log at the moment; absent while it can. */
  readonly trouble?: string
  readonly problem?: CallProblem
}

/** Follows the audit log by filters. The stream is opened again after each failure. */
export function useRecordTail(filters: TailFilters): RecordTail {
  const { ended } = useSession()
  const asked = JSON.stringify(filters)
  const [tail, setTail] = useState<RecordTail>(emptyTail)
  const shown = useRef(asked)

  useEffect(() => {
    const leaving = new AbortController()
    const { signal } = leaving
    const records = new RecordBuffer<ShownRecord>()
    let leftOut = 0
    let trouble: string | undefined
    const show = (state: Pick<RecordTail, 'isConnected' | 'problem'>) =>
      signal.aborted || setTail({ records, leftOut, ...(trouble !== undefined && { trouble }), ...state })
    let renewal: ReturnType<typeof setTimeout> | undefined
    const renew = () => {
      renewal = undefined
      show({ isConnected: true })
    }
    const take = ({ event, data }: ServerEvent) => {
      const document = JSON.parse(data) as unknown
      trouble = event === 'trouble' ? (document as { readonly detail: string }).detail : undefined
      if (event === 'record') records.add(document as ShownRecord)
      else if (event === 'left-out') leftOut += (document as { readonly records: number }).records
    }
    if (shown.current !== asked) setTail(emptyTail())
    shown.current = asked

    const follow = async () => {
      const query = { ...(JSON.parse(asked) as TailFilters), last: FIRST_RECORDS }
      const { body } = await requestOperation('tail_audit', { query }, signal)
      show({ isConnected: true })
      for await (const event of serverEvents(body!)) {
        take(event)
        renewal ??= setTimeout(renew, RENEW_MS)
      }
    }
    const run = async () => {
      while (!signal.aborted) {
        try {
          await follow()
          show({ isConnected: false })
        } catch (error) {
          if (signal.aborted) return
          const problem = problemOfError(error)
          if (endsSession(problem)) return ended(problem)
          show({ isConnected: false, problem })
        }
        await pause(REOPEN_MS, signal)
      }
    }
    void run()
    return () => {
      leaving.abort()
      clearTimeout(renewal)
    }
  }, [asked, ended])
  return tail
}

function emptyTail(): RecordTail {
  return { records: new RecordBuffer(), leftOut: 0, isConnected: false }
}

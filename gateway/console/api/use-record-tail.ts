import { useEffect, useRef, useState } from 'react'
import { useSession } from '../session.ts'
import { RecordBuffer } from '../text/record-buffer.ts'
import type { ShownRecord } from '../text/shown-record.ts'
import { callOperation, type InputOf, requestOperation } from './call.ts'
import { type CallProblem, endsSession, problemOfError } from './problem.ts'
import { serverEvents } from './server-events.ts'
import { pause } from './use-operation.ts'

/** Minimum time between two renewals of the view, ms, so that a fast stream does not occupy the browser. */
const RENEW_MS = 250
/** Pause before the stream is opened again, ms. */
const REOPEN_MS = 2000
/** Number of records with which the view begins. */
const FIRST_RECORDS = '100'

export type TailFilters = Omit<NonNullable<InputOf<'search_audit'>['query']>, 'limit' | 'before'>

/** State of a live stream of audit records. */
export interface RecordTail {
  readonly records: RecordBuffer<ShownRecord>
  readonly isConnected: boolean
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
    const show = (state: Omit<RecordTail, 'records'>) => signal.aborted || setTail({ records, ...state })
    let renewal: ReturnType<typeof setTimeout> | undefined
    const renew = () => {
      renewal = undefined
      show({ isConnected: true })
    }
    if (shown.current !== asked) setTail(emptyTail())
    shown.current = asked

    const follow = async () => {
      const stream = await openTail(JSON.parse(asked) as TailFilters, records, signal)
      show({ isConnected: true })
      for await (const { data } of serverEvents(stream)) {
        records.add(JSON.parse(data) as ShownRecord)
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
  return { records: new RecordBuffer(), isConnected: false }
}

/** Adds the newest records to the buffer, and opens the stream of the records after them. */
async function openTail(
  filters: TailFilters,
  records: RecordBuffer<ShownRecord>,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const found = await callOperation('search_audit', { query: { ...filters, limit: FIRST_RECORDS } }, signal)
  for (const record of found.records.toReversed()) records.add(record as ShownRecord)
  const reply = await requestOperation('follow_audit', { query: { ...filters, after: found.end } }, signal)
  return reply.body!
}

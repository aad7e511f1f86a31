import { useState } from 'react'
import { useSession } from '../session.ts'
import { callOperation, type InputOf, type OperationId, type ReplyOf } from './call.ts'
import { type CallProblem, endsSession, problemOfError } from './problem.ts'

/** A call of an operation that changes something in the cluster, and the state of the call. */
export interface Change<Id extends OperationId> {
  readonly isBusy: boolean
  /** Problem document of the newest call if the call failed. */
  readonly problem?: CallProblem
  /** Calls the operation. @returns its reply; `undefined` when the call failed */
  readonly run: (input: InputOf<Id>) => Promise<ReplyOf<Id> | undefined>
}

/**
 * Prepares a call of an operation that changes something. Only the operator starts the call; it is never repeated
 * automatically.
 */
export function useChange<Id extends OperationId>(id: Id): Change<Id> {
  const { ended } = useSession()
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<CallProblem>()
  const run = async (input: InputOf<Id>) => {
    setBusy(true)
    setProblem(undefined)
    try {
      return await callOperation(id, input)
    } catch (error) {
      const refused = problemOfError(error)
      if (endsSession(refused)) ended(refused)
      setProblem(refused)
      return undefined
    } finally {
      setBusy(false)
    }
  }
  return { isBusy, run, ...(problem && { problem }) }
}

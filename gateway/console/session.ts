import { createContext, useContext } from 'react'
import { type OperationId, request } from './api/call.ts'
import { adminOperations } from './api/operations.ts'
import type { CallProblem } from './api/problem.ts'

/** Reply of `GET /console/session`: the operator who is logged in. */
export interface ConsoleSession {
  readonly who: string
  readonly client: string | null
  readonly credential: string
  readonly scopes: readonly string[]
  readonly expires_at: string
  readonly node: string
  readonly version: string
}

interface SessionContext {
  readonly session: ConsoleSession
  /** Reports that a call was rejected because the session has ended. */
  readonly ended: (problem: CallProblem) => void
}

export const SessionOfPage = createContext<SessionContext | undefined>(undefined)

export function useSession(): SessionContext {
  const context = useContext(SessionOfPage)
  if (context === undefined) throw new Error('useSession is called outside of the pages of a session')
  return context
}

export async function currentSession(): Promise<ConsoleSession> {
  return (await (await request('/console/session')).json()) as ConsoleSession
}

/** Logs in with a token of the admin API, or with a one-time link. */
export async function openSession(proof: { readonly token: string } | { readonly link: string }): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  await request('/console/session', { method: 'POST', headers, body: JSON.stringify(proof) })
}

export async function closeSession(): Promise<void> {
  await request('/console/logout', { method: 'POST' })
}

/**
 * Returns the scope that the session lacks for an operation; `undefined` when it may call the operation. Owners of
 * services may call some operations for their own services: the node checks which.
 */
export function missingScope({ scopes }: Pick<ConsoleSession, 'scopes'>, id: OperationId): string | undefined {
  const operation: { readonly scope: string; readonly owners?: string } = adminOperations[id]
  const { owners } = operation
  if (scopes.includes(operation.scope) || scopes.includes('gatehouse:admin')) return undefined
  if (owners !== undefined && scopes.some((scope) => scope.startsWith(owners))) return undefined
  return operation.scope
}

/** Whether the operator may call an operation. */
export function useMay(id: OperationId): boolean {
  return missingScope(useSession().session, id) === undefined
}

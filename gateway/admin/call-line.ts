import type { IncomingMessage } from 'node:http'
import { type RecordFacts, recordLine } from '../audit/record-line.ts'
import type { ApiProblemCode } from './api-problem.ts'
import type { Caller } from './caller-authenticator.ts'

/** Facts about a call, collected while it runs, for its log line and audit record. */
export interface CallRecord {
  operation?: string
  caller?: Caller
  /** Error code when the call was rejected. */
  problem?: ApiProblemCode
  note?: Readonly<Record<string, unknown>> | undefined
  /** Facts about the revocation, when the call revoked something. */
  revocation?: RecordFacts | undefined
}

/**
 * Builds the audit record of an admin API call, also of a rejected one. Its kind is `revocation` when the call revoked
 * something, otherwise `admin`.
 */
export function callLine(
  call: { readonly id: string; readonly node: string; readonly status: number; readonly begunMs: number },
  request: IncomingMessage,
  { operation, caller, problem, note, revocation }: CallRecord,
): string {
  const { method, url = '', headers, socket } = request
  return recordLine(revocation === undefined ? 'admin' : 'revocation', call.begunMs, {
    'gatehouse.node': call.node,
    'user.id': caller?.who,
    'gatehouse.client': caller?.client,
    'gatehouse.credential': caller?.credential,
    'client.address': socket.remoteAddress,
    'user_agent.original': headers['user-agent'],
    'http.request.method': method,
    'url.path': url.split('?', 1)[0],
    'gatehouse.operation': operation,
    'gatehouse.request.id': call.id,
    'gatehouse.decision': decisionOf(call.status),
    'gatehouse.reason': problem,
    'http.response.status_code': call.status,
    ...(revocation ?? { 'gatehouse.detail': note && JSON.stringify(note) }),
  })
}

function decisionOf(status: number): string {
  if (status < 400) return 'admitted'
  return status < 500 ? 'refused' : 'failed'
}

import type { FastifyRequest } from 'fastify'
import { type RecordFacts, recordLine } from '../audit/record-line.ts'
import type { ApiProblemCode } from './api-problem.ts'
import type { Caller } from './caller-authenticator.ts'

/** Facts about an admin API call, collected while the call runs, for the log line and the audit record of the call. */
export interface CallRecord {
  /** Start of the admin API call, ms since the epoch. */
  readonly begunMs: number
  operation?: string
  caller?: Caller
  /**
   * True when the call was rejected because its client address has too many failed calls. Such a call is counted, but
   * gets no log line and no audit record.
   */
  limited?: boolean
  /** Error code (`code` of the problem document) when the admin API rejected the call. */
  problem?: ApiProblemCode
  note?: Readonly<Record<string, unknown>> | undefined
  /** Fields of the audit record that describe the revocation; set when the admin API call revoked something. */
  revocation?: RecordFacts | undefined
}

/** A call of the admin plane: the parts of fastify's request that the log line and the audit record need. */
export type AdminCall = Pick<FastifyRequest, 'id' | 'method' | 'originalUrl' | 'headers' | 'call'> & {
  readonly socket: Pick<FastifyRequest['socket'], 'remoteAddress'>
}

declare module 'fastify' {
  interface FastifyRequest {
    call: CallRecord
  }
}

/**
 * Builds the audit record of an admin API call, also of a rejected call. The kind of the record is `revocation` when
 * the call revoked something, otherwise `admin`.
 */
export function callLine(request: AdminCall, { node, status }: { node: string; status: number }): string {
  const { id, method, originalUrl, headers, socket, call } = request
  const { operation, caller, problem, note, revocation, begunMs } = call
  return recordLine(revocation === undefined ? 'admin' : 'revocation', begunMs, {
    'gatehouse.node': node,
    'user.id': caller?.who,
    'gatehouse.client': caller?.client,
    'gatehouse.credential': caller?.credential,
    'client.address': socket.remoteAddress,
    'user_agent.original': headers['user-agent'],
    'http.request.method': method,
    'url.path': originalUrl.split('?', 1)[0],
    'gatehouse.operation': operation,
    'gatehouse.request.id': id,
    'gatehouse.decision': decisionOf(status),
    'gatehouse.reason': problem,
    'http.response.status_code': status,
    ...(revocation ?? { 'gatehouse.detail': note && JSON.stringify(note) }),
  })
}

function decisionOf(status: number): string {
  if (status < 400) return 'admitted'
  return status < 500 ? 'refused' : 'failed'
}

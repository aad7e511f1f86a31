import { z } from 'zod'
import { recordKinds } from '../../audit/record.ts'
import type { RecordFilter } from '../../audit/record-filter.ts'
import { decisions } from '../../base/decision.ts'
import { grpcStatusForm } from '../../base/grpc-code.ts'
import { ApiProblem } from '../api-problem.ts'

const text = (about: string) => z.string().min(1).max(1024).optional().describe(about)

const time = (about: string) =>
  z.iso
    .datetime({ offset: true, error: 'must be a time such as 2030-01-31T12:00:00Z (RFC 3339)' })
    .optional()
    .describe(about)

/** Query parameters that filter audit records. A record must match all given parameters. */
export const auditQuery = {
  subject: text('Only records with this `user.id`.'),
  client: text('Only records with this `gatehouse.client`.'),
  service: text('Only records with this `gatehouse.service`.'),
  route: text('Only records with this `gatehouse.route`.'),
  method: text('Only records with this `http.request.method`.'),
  path: text('Only records whose `url.path` begins with this text.'),
  decision: z.enum(decisions).optional().describe('Only records with this `gatehouse.decision`.'),
  grpc_status: z
    .string()
    .regex(grpcStatusForm, { error: 'must be a status of gRPC: a number from 0 to 16' })
    .optional()
    .describe('Only records of gRPC calls with this `rpc.grpc.status_code`.'),
  reason: text('Only records with this `gatehouse.reason`.'),
  kind: z.enum(recordKinds).optional().describe('Only records of this `kind`.'),
  request: text('Only records with this `gatehouse.request.id`.'),
  since: time('Only records from this time on (RFC 3339).'),
  until: time('Only records up to this time (RFC 3339).'),
}

type AuditQuery = { readonly [name in keyof typeof auditQuery]?: string | undefined }

/**
 * Builds a filter of audit records from query parameters.
 *
 * @throws {ApiProblem} 400 for an invalid time
 */
export function filterOf({
  subject,
  client,
  service,
  route,
  method,
  path,
  decision,
  grpc_status: grpcStatus,
  reason,
  kind,
  request,
  since,
  until,
}: AuditQuery): RecordFilter {
  const fields = {
    'user.id': subject,
    'gatehouse.client': client,
    'gatehouse.service': service,
    'gatehouse.route': route,
    'http.request.method': method,
    'gatehouse.decision': decision,
    'rpc.grpc.status_code': grpcStatus,
    'gatehouse.reason': reason,
    kind,
    'gatehouse.request.id': request,
  }
  return {
    fields: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
    sinceMs: parseTimeMs(since, 'since'),
    untilMs: parseTimeMs(until, 'until'),
    pathPrefix: path,
  }
}

/** Parses a time parameter (RFC 3339) into ms since the epoch. @throws {ApiProblem} 400 for an invalid time */
export function parseTimeMs(time: string | undefined, name: string): number | undefined {
  if (time === undefined) return undefined
  const ms = Date.parse(time)
  if (Number.isNaN(ms))
    throw new ApiProblem('invalid_request', `\`${name}\` is not a valid time: the date does not exist`)
  return ms
}

import { nodeHttp } from '../base/node-http.ts'

const { STATUS_CODES } = nodeHttp

/** Error codes of the admin API with explanations, which the OpenAPI document contains. */
export const apiProblemCodes = {
  invalid_request: { status: 400, why: 'the query or the body is invalid; `errors` names each place' },
  credential_required: { status: 401, why: 'the call has no bearer token' },
  invalid_token: { status: 401, why: 'the admin API does not accept the token' },
  session_ended: {
    status: 401,
    why: 'the cookie names no session of the console: it ended, or the admin API no longer accepts its token',
  },
  log_in_failed: {
    status: 401,
    why: 'a log-in to the console at the issuer was not completed; the log has the cause',
  },
  insufficient_scope: { status: 403, why: 'the token lacks the scope of the operation' },
  forbidden: {
    status: 403,
    why: 'a web page of another origin sent the call, or a call by cookie does not show that a page of the console sent it',
  },
  revocation_malformed: { status: 400, why: 'the token or the name is malformed and cannot be revoked' },
  revocation_issuer_unknown: { status: 400, why: 'the policy has no issuer with the name or identifier in the call' },
  revocation_issuer_needed: { status: 400, why: 'the policy has several issuers, and the call names none of them' },
  revocation_in_future: { status: 400, why: '`before` is in the future' },
  limit_unknown: { status: 404, why: 'the policy has no limit with this name' },
  bucket_incomplete: {
    status: 400,
    why: 'the limit has more key fields than the call names, so the call names no single window',
  },
  bucket_surplus: { status: 400, why: 'the call names a field that is not a key field of the limit' },
  upstream_unknown: {
    status: 404,
    why: 'the policy of the node has no such upstream, or not in the service of the call',
  },
  drains_full: {
    status: 409,
    why: 'the cluster has the maximum number of drains, including those that ended in the last day; nothing was changed',
  },
  trace_unknown: { status: 404, why: 'the trace was not recorded, or it is no longer stored' },
  exchange_unknown: { status: 404, why: 'the searched part of the audit log has no record with this request id' },
  sink_unknown: { status: 404, why: 'no worker has registered a sink with this name' },
  sink_configured: { status: 409, why: 'the settings still contain the sink, so a worker would start it again' },
  place_unknown: { status: 400, why: '`before`, `after` or `Last-Event-ID` is not a place in the audit log' },
  followers_full: { status: 503, why: 'this node already has the maximum number of callers that follow the log' },
  comparisons_full: {
    status: 503,
    why: 'this node already has the maximum number of comparisons; nothing was compared',
  },
  session_unknown: { status: 404, why: 'no session of this device exists' },
  sessions_unavailable: { status: 409, why: 'the node has no key to encrypt sessions, so it has no login sessions' },
  key_unknown: { status: 404, why: 'no node or worker has a key of this kind with this id' },
  policy_from_file: { status: 409, why: 'the settings of the node have `policy.source: file`' },
  policy_conflict: {
    status: 409,
    why: 'another revision is active than the revision in `against`. `active` is its number, `since` lists the revisions after `against`, and `difference` what they have changed together; nothing was changed',
  },
  policy_invalid: { status: 422, why: 'the policy is invalid; `problems` has each error with its place' },
  policy_rejected: {
    status: 422,
    why: 'at least one node cannot enforce the policy. `objections` has the errors of each of these nodes; nothing was changed',
  },
  policy_not_granted: {
    status: 403,
    why: 'the owner of a service may not make this change. `problems` has each part that is not granted, with its place and what to do; nothing was changed',
  },
  rollout_running: {
    status: 409,
    why: 'some nodes try a revision as a canary; `number` is its number. Nothing was changed',
  },
  rollout_unknown: { status: 409, why: 'no rollout runs, or it ended at the same time' },
  rollout_lost: { status: 409, why: 'Redis has lost the revision that is tried, so it cannot be promoted' },
  canary_refused: {
    status: 422,
    why: 'the policy cannot be a canary; `problems` names each key. Nothing was changed',
  },
  revision_unknown: { status: 404, why: 'the cluster keeps no revision with this number' },
  not_found: { status: 404, why: 'no operation has this path' },
  method_not_allowed: { status: 405, why: 'the path has no operation with this method; `Allow` lists the methods' },
  nothing_lost: { status: 409, why: 'the node is a member of the cluster and has lost no data' },
  cluster_unavailable: { status: 409, why: 'the node runs without Redis, so it is not part of a cluster' },
  traces_not_kept: { status: 409, why: 'the settings of the node disable the storage of traces' },
  revocations_full: {
    status: 409,
    why: 'the nodes have the maximum number of revocations and accept no further single token; nothing was revoked',
  },
  content_too_large: { status: 413, why: 'the body is larger than 64 KiB, or than 2 MiB for a policy' },
  unsupported_media_type: { status: 415, why: 'the body is not application/json' },
  too_many_requests: {
    status: 429,
    why: 'too many recent calls from this address had no token or an invalid token; the call was not processed',
  },
  internal_error: { status: 500, why: 'a bug in Gatehouse; the log has the cause under the id in `instance`' },
  unavailable: {
    status: 503,
    why: 'Redis or the issuer of the token is unavailable. After `no reply in time` or `connection lost before the reply` from Redis, the change may have been made; it is safe to send the call again. Otherwise nothing was changed',
  },
} as const

export type ApiProblemCode = keyof typeof apiProblemCodes

/** One invalid field of an admin API call. The value of the field is never quoted, because it can be a secret. */
export interface FieldError {
  /**
   * JSON Pointer (RFC 6901) to the invalid value in the request body. `parameter` is the name of a query or path
   * parameter.
   */
  readonly pointer?: string
  readonly parameter?: string
  readonly detail: string
}

interface ProblemOptions {
  readonly fields?: Readonly<Record<string, string>>
  readonly errors?: readonly FieldError[]
  readonly hint?: string | undefined
  /** Further members of the problem document (RFC 9457 §3.2). */
  readonly members?: Readonly<Record<string, unknown>>
  readonly close?: boolean
  /** Cause of the rejection for log lines, which the caller does not learn. */
  readonly cause?: string | undefined
}

/** Error that rejects an admin API call. The error handler converts the error into a problem document (RFC 9457). */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly code: ApiProblemCode
  readonly options: ProblemOptions

  /** @param detail explanation of the error for the caller */
  constructor(code: ApiProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail)
    this.code = code
    this.options = options
  }

  get status(): number {
    return apiProblemCodes[this.code].status
  }

  /**
   * Returns the problem document (RFC 9457) for the reply to an admin API call.
   *
   * @param id  id of the call, as in the log
   */
  document(id: string): object {
    const { code, status, message: detail } = this
    const { errors, hint, members } = this.options
    const title = STATUS_CODES[status]
    return {
      type: `urn:gatehouse:problem:${code}`,
      title,
      status,
      code,
      detail,
      hint,
      errors,
      ...members,
      instance: id,
    }
  }
}

import { STATUS_CODES } from 'node:http'
import type { PlainReply } from '../probes/plain-server.ts'

/** Error codes of the admin API with explanations, which the OpenAPI document contains. */
export const apiProblemCodes = {
  invalid_request: { status: 400, why: 'the query, the body or what they ask for does not hold; `errors` says where' },
  credential_required: { status: 401, why: 'the call carries no bearer token' },
  invalid_token: { status: 401, why: 'the token is none that the admin API takes' },
  insufficient_scope: { status: 403, why: 'the token lacks the scope of the operation' },
  forbidden: { status: 403, why: 'a web page of another origin made the call' },
  revocation_malformed: { status: 400, why: 'the token, or what is named, is none that could be revoked' },
  revocation_issuer_unknown: { status: 400, why: 'the policy has no such issuer' },
  revocation_issuer_needed: { status: 400, why: 'the policy has several issuers, and the order names none' },
  revocation_in_future: { status: 400, why: '`before` lies ahead' },
  limit_unknown: { status: 404, why: 'the policy has no limit of this name' },
  bucket_incomplete: { status: 400, why: 'the limit goes by more than was named, so that no one window was' },
  bucket_surplus: { status: 400, why: 'the limit does not go by something that was named' },
  trace_unknown: { status: 404, why: 'no such trace was recorded, or it is no longer kept' },
  sink_unknown: { status: 404, why: 'no sink of this name has ever shipped' },
  sink_configured: { status: 409, why: 'the settings have the sink; a worker would begin it anew' },
  place_unknown: { status: 400, why: 'what was given as a place is none in this log' },
  followers_full: { status: 503, why: 'as many callers follow the log at this node as it can bear' },
  session_unknown: { status: 404, why: 'there is no session of this device' },
  sessions_unavailable: { status: 409, why: 'the node has no key to seal sessions with: nobody logs in here' },
  not_found: { status: 404, why: 'there is no such operation' },
  method_not_allowed: { status: 405, why: 'the path has operations, but none with this method' },
  nothing_lost: { status: 409, why: 'the node is a member, and waits for nothing that Redis lost' },
  cluster_unavailable: { status: 409, why: 'the node stands alone: it has no Redis, and knows of no other node' },
  traces_not_kept: { status: 409, why: 'the settings of the node have it keep no traces' },
  revocations_full: {
    status: 409,
    why: 'the nodes hold so many revocations that they take no single token any more; nothing was revoked',
  },
  content_too_large: { status: 413, why: 'the body is larger than 64 KiB' },
  unsupported_media_type: { status: 415, why: 'the body is not application/json' },
  too_many_requests: {
    status: 429,
    why: 'too many calls from this address had no token, or a wrong one; the call was not looked at',
  },
  internal_error: { status: 500, why: 'a bug of Gatehouse; the log has the cause under `instance`' },
  unavailable: {
    status: 503,
    why: 'Redis, or the issuer of the token, did not do its part. After `no reply in time` of Redis the order may have been carried out, and can be given again; otherwise nothing was done',
  },
} as const

export type ApiProblemCode = keyof typeof apiProblemCodes

/** One invalid field of a request. Values are never quoted, because they may be secrets. */
export interface FieldError {
  /** JSON Pointer into the body (RFC 6901). `parameter` is the name of a query parameter. */
  readonly pointer?: string
  readonly parameter?: string
  readonly detail: string
}

interface ProblemOptions {
  readonly fields?: Readonly<Record<string, string>>
  readonly errors?: readonly FieldError[]
  readonly hint?: string | undefined
  readonly close?: boolean
}

/** Rejects an admin API call. Converted into a problem document (RFC 9457) in one place. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly code: ApiProblemCode
  readonly options: ProblemOptions

  /** @param detail explanation for the caller */
  constructor(code: ApiProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail)
    this.code = code
    this.options = options
  }

  get status(): number {
    return apiProblemCodes[this.code].status
  }

  /** @param id id of the call, as in the log */
  reply(id: string): PlainReply {
    const { code, status, message: detail } = this
    const { errors, hint, fields = {}, close = false } = this.options
    const title = STATUS_CODES[status]
    const problem = { type: `urn:gatehouse:problem:${code}`, title, status, code, detail, hint, errors, instance: id }
    return { status, type: 'application/problem+json', body: `${JSON.stringify(problem)}\n`, fields, close }
  }
}

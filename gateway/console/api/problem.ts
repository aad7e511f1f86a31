/** CallProblem document of a failed call (RFC 9457), or the console's own description of a call without a reply. */
export interface CallProblem {
  readonly status: number
  readonly title: string
  readonly code: string
  readonly detail: string
  readonly hint?: string
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string; readonly detail: string }[]
  /** Request id of the call, as in the log of the node. */
  readonly instance?: string
  /** Member of the reply of `GET /console/session` without a session: how to log in. */
  readonly login?: { readonly oidc: boolean; readonly token: boolean }
}

/** Error of a failed call of the admin API. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly problem: CallProblem

  constructor(problem: CallProblem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** Remedy of a failed call, by the code of its problem document. */
const remedies: Readonly<Record<string, string>> = {
  no_reply: 'Check that the node runs and that this browser can reach its admin port. The console tries again.',
  insufficient_scope: 'Ask for a token with this scope, log out, and log in with the new token.',
  cluster_unavailable: 'Set redis.url in the settings of every node: this view needs the data of the cluster.',
  traces_not_kept: 'Set telemetry.traces.recent in the settings of the nodes.',
  unavailable: 'Check Redis, and the issuer of admin tokens. The console tries again.',
  too_many_requests: 'Wait a moment. The console tries again.',
  internal_error: 'Search the log of the node for the request id.',
  followers_full: 'Close another live view of this node, or use another node.',
  not_found: 'This node does not have the operation. Nodes of several versions run during an upgrade.',
  method_not_allowed: 'This node does not have the operation. Nodes of several versions run during an upgrade.',
}

export function remedyOf({ code, hint }: CallProblem): string | undefined {
  return hint ?? remedies[code]
}

/** Whether the problem says that the session of the console has ended, so that the operator must log in again. */
export function endsSession({ status, code }: CallProblem): boolean {
  return status === 401 && ['session_ended', 'invalid_token', 'credential_required'].includes(code)
}

/** Converts any error of a call to a problem document. */
export function problemOfError(error: unknown): CallProblem {
  if (error instanceof CallError) return error.problem
  const detail = error instanceof Error ? error.message : String(error)
  return { status: 0, title: 'The node does not reply', code: 'no_reply', detail }
}

import { type Reason, reasons } from './reasons.ts'

/** A header field of a reply: name in lower case, value in visible ASCII. */
export type HeaderField = readonly [name: string, value: string]

/**
 * A refusal that the policy intends. Denials are returned, faults are thrown. Only `pipeline/exchange/driver.ts` turns
 * a fault into a denial, and only `http/downstream.ts` writes denials to the client. The object is frozen. A denial
 * that depends only on the route is created when the policy is loaded.
 *
 * `R` is the set of reasons that the denial can have. The compiler compares it with the `denies` list of each phase.
 */
export interface Denial<R extends Reason = Reason> {
  readonly reason: R
  readonly status: number
  readonly code: string
  /** True to close the client connection after the reply of this denial. */
  readonly close: boolean
  /** Header fields of the denial's reply in addition to the challenge, such as `allow` or `retry-after`. */
  readonly fields: readonly HeaderField[]
  /**
   * Challenges of the denial's reply, one `WWW-Authenticate` field each, without the parameter `resource_metadata`;
   * empty for a refusal without a challenge. The parameter contains the URL of the exchange, so it is added when the
   * reply is written (RFC 9728 §5.1).
   */
  readonly challenges: readonly string[]
  /** Authentication that would avoid the refusal (RFC 9470); `undefined` if authenticating again would not help. */
  readonly stepUp: StepUp | undefined
  /** Member `detail` of the problem document, also for the page; contains no secret. */
  readonly detail: string | undefined
  /**
   * The problem document (RFC 9457) up to the value of `instance`. The writer of the reply appends the request id and
   * `"}`.
   */
  readonly problem: string
}

/** Requirements for a new authentication of the user (step-up login, RFC 9470). */
export interface StepUp {
  /** Accepted authentication context classes (`acr`), in order of preference; `undefined` accepts every class. */
  readonly acrValues: readonly string[] | undefined
  /** Longest accepted time since the user's authentication, s; `undefined` means no limit. */
  readonly maxAgeS: number | undefined
}

interface DenialOptions {
  /** Explanation of this denial for the client (RFC 9457 §3.1.4); must contain no secret. */
  readonly detail?: string
  /** Additional members of the problem document (RFC 9457 §3.2). */
  readonly members?: Readonly<Record<string, unknown>>
  readonly fields?: readonly HeaderField[]
  /**
   * Value of `WWW-Authenticate` in the reply of a denial; a list becomes several challenges, the preferred one first.
   */
  readonly challenge?: string | readonly string[]
  readonly stepUp?: StepUp
}

/** Titles of status codes in problem documents and status lines (RFC 9110 §15). */
export const statusTitles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  411: 'Length Required',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  499: 'Client Closed Request',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** Creates the denial for a reason, with the status and code of the reason. */
export function denial<R extends Reason>(reason: R, options: DenialOptions = {}): Denial<R> {
  const { status, code, close = false } = reasons[reason] as (typeof reasons)[Reason] & { close?: boolean }
  const title = statusTitles[status] ?? ''
  const document = JSON.stringify({
    type: `urn:gatehouse:problem:${code}`,
    title,
    status,
    code,
    ...(options.detail !== undefined && { detail: options.detail }),
    ...options.members,
    instance: '',
  })
  return Object.freeze({
    reason,
    status,
    code,
    close,
    fields: Object.freeze([...(options.fields ?? [])]),
    challenges: Object.freeze([options.challenge ?? []].flat()),
    stepUp: options.stepUp,
    detail: options.detail,
    problem: document.slice(0, -2),
  })
}

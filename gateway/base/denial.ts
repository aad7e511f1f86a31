import { type Reason, reasons } from './reasons.ts'

/** A field of a reply: name in lower case, value in visible ASCII. */
export type Field = readonly [name: string, value: string]

/**
 * A refusal that the policy intends. Denials are returned, faults are thrown; `pipeline/driver.ts` turns a fault into one,
 * and `http/downstream.ts` alone writes it. Frozen, and made when the policy is compiled wherever it depends on the route only.
 */
export interface Denial {
  readonly reason: Reason
  readonly status: number
  readonly code: string
  /** Ends the connection after the reply. */
  readonly close: boolean
  /** Fields beside the challenge, such as `allow` or `retry-after`. */
  readonly fields: readonly Field[]
  /**
   * `WWW-Authenticate` without `resource_metadata`, which names the URL of the exchange and is added with the reply
   * (RFC 9728 §5.1); `undefined` when the refusal is no matter of credentials.
   */
  readonly challenge: string | undefined
  /** What the person would have to show anew for not being refused (RFC 9470); `undefined`: that would not help. */
  readonly stepUp: StepUp | undefined
  /** The problem document (RFC 9457) up to the value of `instance`; the request id and `"}` complete it. */
  readonly problem: string
}

/** How a person has to log in. */
export interface StepUp {
  /** One of these classes, the wanted one first; `undefined`: any. */
  readonly acrValues: readonly string[] | undefined
  /** Longest time since then, s; `undefined`: any. */
  readonly maxAgeS: number | undefined
}

interface DenialOptions {
  /** Further members of the problem document (RFC 9457 §3.2). */
  readonly members?: Readonly<Record<string, unknown>>
  readonly fields?: readonly Field[]
  readonly challenge?: string
  readonly stepUp?: StepUp
}

/** Title of a status in problem documents and status lines (RFC 9110 §15). */
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
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  499: 'Client Closed Request',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** Makes the denial that `reason` stands for. */
export function denial(reason: Reason, options: DenialOptions = {}): Denial {
  const { status, code, close = false } = reasons[reason] as (typeof reasons)[Reason] & { close?: boolean }
  const title = statusTitles[status] ?? ''
  const document = JSON.stringify({
    type: `urn:gatehouse:problem:${code}`,
    title,
    status,
    code,
    ...options.members,
    instance: '',
  })
  return Object.freeze({
    reason,
    status,
    code,
    close,
    fields: Object.freeze([...(options.fields ?? [])]),
    challenge: options.challenge,
    stepUp: options.stepUp,
    problem: document.slice(0, -2),
  })
}

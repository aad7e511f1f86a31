import { type Denial, denial } from '../../base/denial.ts'
import { forwardedMethods } from '../../base/methods.ts'
import type { Reason } from '../../base/reasons.ts'
import type { RequestLimits } from '../gate.ts'
import { targetTooLong } from './size-denials.ts'

/**
 * The request line of a request or check. The path is validated later in its normal form (`normalizePath`), and the
 * host is validated separately.
 */
export interface RequestLine {
  readonly method: string
  /** Request target before the first `?`. */
  readonly target: string
  /** Query after the first `?`; `undefined` without a `?`. */
  readonly query: string | undefined
}

const methods: ReadonlySet<string> = new Set(forwardedMethods)
const visibleAscii = /^[\x21-\x7e]*$/

const methodUnknown = denial('method-unknown')
const methodRefused = denial('method-refused', { fields: [['allow', forwardedMethods.join(', ')]] })
const targetMalformed = denial('target-malformed')

/** Reasons for which `guardLine` rejects a request line. */
export const requestLineReasons = [
  'method-unknown',
  'method-refused',
  'target-too-long',
  'target-malformed',
] as const satisfies readonly Reason[]

type RequestLineReason = (typeof requestLineReasons)[number]

/** Validates a request line, which the client sent or, in a forward-auth check, the proxy stated. */
export function guardLine(
  { method, target, query }: RequestLine,
  limits: RequestLimits,
): Denial<RequestLineReason> | undefined {
  if (!methods.has(method)) return method === 'CONNECT' || method === 'TRACE' ? methodRefused : methodUnknown
  const length = target.length + (query?.length ?? 0)
  if (length > limits.targetMaxBytes) return targetTooLong(limits.targetMaxBytes, length)
  // Check only the query here: the path is validated later, in its normal form.
  if (query !== undefined && !visibleAscii.test(query)) return targetMalformed
  return undefined
}

import type { Reason } from './reasons.ts'

/** Where the trouble is: decides nothing, but tells the operator where to look. */
export type FaultSource = 'node' | 'issuer' | 'upstream' | 'store'

/** The reasons that a fault can have: each is a 5xx in `reasons`. */
export type FaultReason = Extract<
  Reason,
  | 'issuer-unreachable'
  | 'introspection-unavailable'
  | 'refresh-unavailable'
  | 'store-unavailable'
  | 'node-fault'
  | 'upstream-unreachable'
  | 'upstream-full'
  | 'upstream-broken'
  | 'upstream-timeout'
  | 'exchange-timeout'
  | 'expired-while-waiting'
>

interface FaultOptions {
  readonly cause?: unknown
  /** True when the same exchange may be tried once more against another target. */
  readonly retryable?: boolean
}

/**
 * Something broke. Faults are thrown; a refusal that the policy intends is a `Denial` and is returned.
 *
 * `message` is for operators and logs. It never reaches a client, and never holds a token, a secret or a header value.
 */
export class GatewayFault extends Error {
  override readonly name = 'GatewayFault'
  readonly reason: FaultReason
  readonly source: FaultSource
  readonly retryable: boolean

  constructor(reason: FaultReason, source: FaultSource, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.reason = reason
    this.source = source
    this.retryable = options.retryable ?? false
  }
}

/**
 * Awaits background work that nobody depends on. An outage of Redis, an issuer or a service is ignored: it is logged where
 * it is noticed. Any other error, a fault of our own, is thrown.
 */
export async function ignoreOutage(work: unknown): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof GatewayFault) || error.reason === 'node-fault') throw error
  }
}

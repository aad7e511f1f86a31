import type { Reason } from './reasons.ts'

/** Component that failed and caused a fault. For operators only; no decision depends on the value. */
export type FaultSource = 'node' | 'issuer' | 'upstream' | 'store'

/** Reasons that a fault can have. Each reason has a 5xx status in `reasons`. */
export const faultReasons = [
  'issuer-unreachable',
  'introspection-unavailable',
  'refresh-unavailable',
  'exchange-misconfigured',
  'store-unavailable',
  'upstream-credential-unavailable',
  'upstream-credential-misconfigured',
  'node-fault',
  'upstream-unreachable',
  'upstream-certificate',
  'upstream-handshake',
  'upstream-full',
  'upstream-credential-refused',
  'upstream-broken',
  'upstream-timeout',
  'exchange-timeout',
  'expired-while-waiting',
] as const satisfies readonly Reason[]

export type FaultReason = (typeof faultReasons)[number]

interface FaultOptions {
  readonly cause?: unknown
  /**
   * True when the caller of an upstream can send the request again. If the service may have received the request, the
   * caller must retry only a safe request without a body.
   */
  readonly retryable?: boolean
  /** True when the connection to the service was lost before the first byte of a reply. */
  readonly unanswered?: boolean
}

/**
 * An internal or external failure. Faults are thrown; a refusal that the policy intends is a `Denial` and is returned.
 *
 * `message` is for operators and logs. The message never reaches a client, and never contains a token, a secret or a
 * header value.
 */
export class GatewayFault extends Error {
  override readonly name = 'GatewayFault'
  readonly reason: FaultReason
  readonly source: FaultSource
  readonly retryable: boolean
  readonly unanswered: boolean

  constructor(reason: FaultReason, source: FaultSource, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.reason = reason
    this.source = source
    this.retryable = options.retryable ?? false
    this.unanswered = options.unanswered ?? false
  }
}

/**
 * Awaits background work whose result is not needed. Ignores outages of Redis, an issuer or a service: the component
 * that detects an outage logs it.
 *
 * @throws any other error, because it shows a bug or an internal failure of the gate
 */
export async function ignoreOutage(work: unknown): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof GatewayFault) || error.reason === 'node-fault') throw error
  }
}

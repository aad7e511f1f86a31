import type { Denial } from '../../base/denial.ts'

/** Code and reason of a close frame that the gate sends. */
export interface Close {
  readonly code: number
  readonly reason: string
}

/**
 * Close frames with which the gate ends a WebSocket itself. The codes are from RFC 6455 §7.4.1 and its registry, or
 * private (4000 to 4999).
 */
export const Close = {
  goingAway: { code: 1001, reason: 'the gateway is stopping' },
  idle: { code: 1001, reason: 'no message for too long' },
  tooMany: { code: 1008, reason: 'too many messages' },
  tooLarge: { code: 1009, reason: 'the message is too large' },
  fault: { code: 1011, reason: 'the gateway failed' },
  serviceLost: { code: 1011, reason: 'the connection to the service was lost' },
  serviceStalled: { code: 1013, reason: 'the service does not read its messages' },
  tryAgain: { code: 1013, reason: 'try again later' },
  authorizationOver: { code: 4401, reason: 'the authorization has ended' },
  tooOld: { code: 4401, reason: 'the stream has reached its maximum age' },
  notPermitted: { code: 4403, reason: 'no longer permitted' },
} as const satisfies Readonly<Record<string, Close>>

/**
 * Returns the close frame for a denial that ends an open WebSocket. The denial has the status that a new request would
 * get.
 */
export function closeFor({ status, reason }: Denial): Close {
  if (status === 401) return Close.authorizationOver
  if (reason === 'stream-max-age') return Close.tooOld
  return status === 503 ? Close.tryAgain : Close.notPermitted
}

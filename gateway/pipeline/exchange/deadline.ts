import { GatewayFault } from '../../base/fault.ts'
import type { Exchange, Matched } from './exchange.ts'
import { printGrpcTimeout } from './grpc-timeout.ts'

/**
 * Returns the time at which an exchange must have ended: the earlier one of `timeouts.total` of the route and of the
 * timeout of a gRPC call. Monotonic, ms; 0 for no deadline.
 */
export function deadlineOf({ startedAt, route, head }: Matched): number {
  const { totalMs = Number.POSITIVE_INFINITY } = route.timeouts
  const longestMs = Math.min(totalMs, head.grpcTimeoutMs ?? Number.POSITIVE_INFINITY)
  return longestMs === Number.POSITIVE_INFINITY ? 0 : startedAt + longestMs
}

/** Returns the fault for an exchange that did not end before its deadline. */
export function deadlineFault({ route, head: { grpcTimeoutMs } }: Exchange): GatewayFault {
  const isOfCall = grpcTimeoutMs !== undefined && grpcTimeoutMs < (route?.timeouts.totalMs ?? Number.POSITIVE_INFINITY)
  const limit = isOfCall ? 'grpc-timeout of the call' : 'timeouts.total of the route'
  return new GatewayFault('exchange-timeout', 'upstream', `the exchange took longer than ${limit}`)
}

/** States the time that is left for a gRPC call to its service. Does nothing without a deadline. @param nowMs  monotonic, ms */
export function stateTimeLeft({ deadlineAt, requestFields: fields }: Matched, nowMs: number): void {
  if (deadlineAt === 0) return
  const left = printGrpcTimeout(Math.max(0, deadlineAt - nowMs))
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'grpc-timeout') continue
    fields[i + 1] = left
    return
  }
  fields.push('grpc-timeout', left)
}

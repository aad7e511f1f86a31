import type { GatewayFault } from '../base/fault.ts'

/**
 * Whether a fault of a call shows that the upstream is unhealthy: the connection was lost during the call, or a timeout
 * ended the call. An idle connection that the service closes as the gate reuses it is normal; its fault is retryable.
 */
export function isLoss({ reason, retryable }: GatewayFault): boolean {
  return (reason === 'upstream-broken' && !retryable) || reason === 'upstream-timeout'
}

import { GatewayFault } from '../../base/fault.ts'
import { Supervisor } from '../../base/supervisor.ts'
import { fail } from './driver.ts'
import type { Shaped } from './exchange.ts'
import { KEPT_BODY_MAX_BYTES, type KeptBody } from './kept-body.ts'
import { RetryState } from './retry-state.ts'

const reading = new Supervisor('upstream-retries')

/**
 * Keeps the body of a request that may be sent again with its body: reads the whole body, and then makes the first
 * attempt.
 *
 * @param attempt  makes the first attempt; called only while the exchange is in progress
 * @returns false when the body is not kept; the caller then makes the attempt
 */
export function keepBody(x: Shaped, attempt: (x: Shaped) => void): boolean {
  const { head, route, gate } = x
  const { contentLength } = head
  if (route.retry?.bodyMethods?.has(head.method) !== true || head.grpc || contentLength === undefined) return false
  if (contentLength === 0 || contentLength > KEPT_BODY_MAX_BYTES) return false
  const body = gate.keptBodies.reserve(contentLength)
  if (body === undefined) return false
  x.retryState = new RetryState()
  x.retryState.body = body
  void reading.attempt(() => readFirst(x, body, attempt))
  return true
}

async function readFirst(x: Shaped, body: KeptBody, attempt: (x: Shaped) => void): Promise<void> {
  try {
    await body.read(x.downstream.openBody()!)
    x.readClock()
    if (!x.aborted && !x.settled) attempt(x)
  } catch (error) {
    // Do nothing when the exchange has ended, because the client disconnected.
    fail(x, error instanceof GatewayFault ? error : new GatewayFault('node-fault', 'node', String(error)))
  }
}

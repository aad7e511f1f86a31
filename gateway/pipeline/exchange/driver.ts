import { performance } from 'node:perf_hooks'
import { type Denial, denial } from '../../base/denial.ts'
import { type FaultReason, GatewayFault } from '../../base/fault.ts'
import { type Reason, reasons } from '../../base/reasons.ts'
import type { Trailers } from '../../upstream/target.ts'
import { refusalPage } from '../browser/refusal-page.ts'
import { adaptToProxy } from '../forward-auth/check-style.ts'
import { adaptToScheme } from './adapt-to-scheme.ts'
import type { Answer } from './answer.ts'
import type { EndReason } from './end-reasons.ts'
import type { Exchange } from './exchange.ts'
import { expiredWhileWaitingDenial } from './expired-while-waiting.ts'
import { metadataUrlOf } from './resource-url.ts'
import { resumed } from './resumed.ts'
import type { Step, Verdict } from './steps.ts'
import { replyTrailers } from './trailers.ts'

/**
 * Runs an exchange through its lifecycle until the exchange is answered or forwarded.
 *
 * Only the functions of this file end an exchange. Each exchange passes through `settle` exactly once.
 */
export function drive(x: Exchange): void {
  try {
    const verdict = advance(x.lifecycle.request, x)
    if (verdict instanceof Promise)
      verdict.then(
        (late) => conclude(x, late),
        (error) => fail(x, error),
      )
    else conclude(x, verdict)
  } catch (error) {
    fail(x, error)
  }
}

/**
 * Runs `steps[from…]` in order until a step denies the request or replies. The run stays synchronous, and allocates
 * nothing, until a step returns a promise.
 *
 * @throws {GatewayFault} as thrown by a step; as a rejection once the run has waited
 */
export function advance(steps: readonly Step[], x: Exchange, from = 0): Verdict | Promise<Verdict> {
  for (let i = from; i < steps.length; i++) {
    if (x.marks !== undefined) x.marks[i] = performance.now()
    const outcome = steps[i]!.run(x as never)
    if (outcome === undefined) continue
    if (!(outcome instanceof Promise)) return outcome
    if (x.gate.tracer?.looksBack === true) noteWait(x, steps, i)
    // Stop the run if the exchange has ended: during the wait, the client may have disconnected, or the exchange may
    // have been refused because of a body that is too large. The run then stops.
    return resumed(x, outcome, (verdict) => verdict ?? (x.aborted || x.settled ? undefined : advance(steps, x, i + 1)))
  }
  return undefined
}

/**
 * Records from now on when each phase of the exchange begins. Used for an exchange whose trace is recorded at its end
 * only if the exchange was slow or failed.
 */
function noteWait(x: Exchange, steps: readonly Step[], i: number): void {
  if (x.marks !== undefined) return
  x.marks = new Float64Array(steps.length)
  x.marks[i] = performance.now()
}

function conclude(x: Exchange, verdict: Verdict): void {
  if (verdict === undefined || x.aborted || x.settled) return
  if ('answer' in verdict) answer(x, verdict)
  else if (!isDelayed(x, verdict)) refuse(x, verdict)
}

/**
 * Delays the refusal of an overloaded node, so that the client sends no further request meanwhile. The proxy of a check
 * gets the refusal at once, because it waits on behalf of many clients, and often for less than a second.
 */
function isDelayed(x: Exchange, refusal: Denial): boolean {
  if (refusal.reason !== 'overloaded' || x.checkPath !== undefined) return false
  return x.gate.overload.delayRefusal(() => {
    if (x.aborted || x.settled) return
    try {
      refuse(x, refusal)
    } catch (error) {
      fail(x, error)
    }
  })
}

function answer(x: Exchange, own: Answer): void {
  x.status = own.status
  x.downstream.answer(own, x.id)
  settle(x, own.reason)
}

function refuse(x: Exchange, refusal: Denial): void {
  x.status = refusal.status
  if (refusal.close) x.close = true
  const adapted = adaptToProxy(x, adaptToScheme(x, refusal))
  sendRefusal(x, adapted, refusal.challenges.length === 0 ? '' : metadataUrlOf(x))
  settle(x, refusal.reason)
}

function sendRefusal(x: Exchange, denial: Denial, metadataUrl: string): void {
  x.downstream.refuse({ denial, requestId: x.id, metadataUrl, page: refusalPage(x, denial) })
}

const retrySoon = [['retry-after', '1']] as const

/**
 * Reply to each fault, by its reason. The status is 502 or 504 for a failed upstream and for wrong settings of the gate
 * at an issuer, and 503 for most other faults.
 */
export const faultReplies: Readonly<Record<FaultReason, Denial>> = {
  'node-fault': denial('node-fault', { fields: retrySoon }),
  'issuer-unreachable': denial('issuer-unreachable', { fields: [['retry-after', '5']] }),
  'introspection-unavailable': denial('introspection-unavailable', { fields: [['retry-after', '2']] }),
  'refresh-unavailable': denial('refresh-unavailable', { fields: [['retry-after', '2']] }),
  'exchange-misconfigured': denial('exchange-misconfigured'),
  'store-unavailable': denial('store-unavailable', { fields: retrySoon }),
  'upstream-credential-unavailable': denial('upstream-credential-unavailable', { fields: [['retry-after', '2']] }),
  'upstream-credential-misconfigured': denial('upstream-credential-misconfigured'),
  'upstream-full': denial('upstream-full', { fields: retrySoon }),
  'upstream-unreachable': denial('upstream-unreachable'),
  'upstream-certificate': denial('upstream-certificate'),
  'upstream-handshake': denial('upstream-handshake'),
  'upstream-credential-refused': denial('upstream-credential-refused'),
  'upstream-broken': denial('upstream-broken'),
  'upstream-timeout': denial('upstream-timeout'),
  'exchange-timeout': denial('exchange-timeout'),
  'expired-while-waiting': expiredWhileWaitingDenial,
}

/**
 * Ends an exchange after a fault. Sends 502, 503 or 504 if no response has started. Otherwise closes the connection, so
 * that the client sees a truncated response.
 */
export function fail(x: Exchange, error: unknown): void {
  if (x.settled) return
  const fault = error instanceof GatewayFault ? error : new GatewayFault('node-fault', 'node', describe(error))
  x.faultMessage = fault.message
  x.call?.abort()
  if (x.aborted) {
    settle(x, 'client-gone')
    return
  }
  if (x.downstream.replying) {
    const isTimeout = fault.reason === 'exchange-timeout'
    breakReply(x, isTimeout ? 'exchange-timeout' : 'reply-broken', isTimeout ? faultReplies[fault.reason] : undefined)
    return
  }
  const reply = faultReplies[fault.reason]
  x.status = reply.status
  sendRefusal(x, adaptToProxy(x, reply), '')
  settle(x, fault.reason)
}

/**
 * Ends an exchange whose upstream response is complete.
 *
 * @param trailers  trailers as the service sent them
 */
export function concludeReply(x: Exchange, trailers?: Trailers): void {
  if (x.settled) return
  settle(x, x.downstream.end(trailers && replyTrailers(trailers)) ? 'admitted' : 'reply-broken')
}

/** Ends an exchange without a response, because the client disconnected or another event prevents a response. */
export function abandon(x: Exchange, reason: EndReason): void {
  if (x.settled) return
  x.aborted = true
  x.call?.abort()
  if (x.status === 0) x.status = reasons[reason].status
  settle(x, reason)
}

/**
 * Refuses an exchange that was already forwarded, and cancels its upstream call. Closes the client connection if the
 * response has begun. Used when the request body exceeds its limit or stalls, when a limit of event streams is reached,
 * or when the credential is no longer valid.
 */
export function refuseForwarded(x: Exchange, refusal: Denial | Answer): void {
  if (x.settled) return
  x.call?.abort()
  if (x.downstream.replying) breakReply(x, refusal.reason, 'answer' in refusal ? undefined : refusal)
  else conclude(x, refusal)
}

/**
 * Ends an exchange after its reply has begun but before the reply is complete. If there is a denial, the request is
 * gRPC and no gRPC message is half sent, the trailers carry the status of the denial. Otherwise the reply is aborted.
 */
function breakReply(x: Exchange, reason: Reason, refusal: Denial | undefined): void {
  // Call `endCall` before `settle`, so that the exchange stays in flight while its last messages wait for a slow
  // client.
  const isEnded = refusal !== undefined && x.downstream.endCall(refusal)
  settle(x, reason)
  // Close the connection after `settle`: closing triggers an abort event, which would be recorded as a disconnect of
  // the client.
  if (!isEnded) x.downstream.abort()
}

/**
 * Ends an exchange whose credential is no longer valid while its reply or upload is relayed. Without a reply, the
 * client gets the denial. An event stream ends cleanly, so that its client reconnects and gets the denial then. A gRPC
 * call ends with the denial in its trailers. Any other reply breaks, so that it never looks complete.
 */
export function endStream(x: Exchange, refusal: Denial): void {
  if (x.settled) {
    // Close the connection of an exchange that is already recorded: the last bytes of its reply wait for a slow client.
    x.downstream.abort()
    return
  }
  if (!x.downstream.replying) {
    refuseForwarded(x, refusal)
    return
  }
  x.call?.abort()
  x.streamEnd = refusal.reason
  if (!x.eventStream) {
    breakReply(x, 'stream-ended', refusal)
    return
  }
  settle(x, 'stream-ended')
  x.downstream.end()
}

/** Ends an exchange whose WebSocket has ended, with the reason for that end. */
export function concludeWebSocket(x: Exchange, reason: EndReason): void {
  if (!x.settled) settle(x, reason)
}

function settle(x: Exchange, reason: Reason): void {
  if (x.settled) return
  x.settled = true
  x.reason = reason
  try {
    x.lifecycle.settle.run(x as never)
  } finally {
    x.retryState?.close()
    x.gate.overload.leave(x)
    if (!x.downstream.lingers) x.stream?.close()
    if (x.streamClaim !== undefined) x.gate.streams!.counts.giveBack(x.streamClaim)
    x.watch?.close()
    x.downstream.release()
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'an unknown error'
}

import { performance } from 'node:perf_hooks'
import type { GatewayFault } from '../../base/fault.ts'
import type { ReplyHead } from '../../upstream/reply-head.ts'
import type { RetryCause, RetryCondition, RetryOutcome } from '../../upstream/retry-rules.ts'
import type { RequestTimeouts, UpstreamTarget } from '../../upstream/target.ts'
import type { Shaped } from './exchange.ts'
import { hasNoBody } from './repeatable.ts'
import { RetryState } from './retry-state.ts'

/** Maximum number of upstreams that are tried for one request when they cannot be reached, whatever the policy says. */
const UNREACHED_MAX = 3
/** Maximum wait before a retry at the same upstream, if the service states the wait in `Retry-After`, ms. */
const RETRY_AFTER_MAX_MS = 1000
/**
 * Maximum random wait before the second attempt at the same upstream, ms. Doubles with each further attempt. The wait
 * is random, so that requests that failed together are not repeated together.
 */
const BACK_OFF_MS = 25

/** Another attempt to forward a request. */
export interface Retry {
  readonly target: UpstreamTarget
  /** True to use a new connection to the upstream, because pooled ones may be closed too. */
  readonly fresh: boolean
  /** Wait before the next attempt, ms. */
  readonly waitMs: number
}

/** A failed attempt to forward a request. */
interface Failure {
  readonly cause: RetryCause & (RetryCondition | 'full')
  /** Whether the service may have received the request in the failed attempt. */
  readonly wasSent: boolean
  /** Whether another attempt to forward the request to the same upstream can succeed. */
  readonly maySucceed: boolean
  /** Shortest wait before the next attempt at the same upstream, ms; 0: none, also no random one. */
  readonly waitMs: number
  readonly fresh: boolean
}

/** Decides whether a request is sent again after a fault. @returns `undefined` when the exchange ends with the fault */
export function retryAfterFault(x: Shaped, fault: GatewayFault): Retry | undefined {
  const failure = failureOf(x, fault)
  return failure === undefined ? undefined : retryAfter(x, failure)
}

/**
 * Decides whether a request is sent again instead of relaying this reply of the service. Must be called before the
 * reply is processed.
 *
 * @returns `undefined` when the client gets the reply
 */
export function retryAfterReply(x: Shaped, head: ReplyHead): Retry | undefined {
  const { status } = head
  if (status !== 500 && status !== 502 && status !== 503 && status !== 504) return undefined
  if (x.route.retry?.on.has(status) !== true) return undefined
  const waitMs = Math.max(backOffMs(x.attempts), statedWaitMs(head))
  return retryAfter(x, { cause: status, wasSent: true, maySucceed: true, waitMs, fresh: false })
}

/** Returns the timeouts of the attempt that is about to be made, which `x.attempts` includes. */
export function attemptTimeouts(x: Shaped): RequestTimeouts {
  const { retry: rules, timeouts } = x.route
  if (rules?.earlyTimeouts === undefined || x.attempts >= rules.attempts) return timeouts
  if (!mayRepeat(x) || !hasBodyToSend(x, true)) return timeouts
  const { budget } = retriesOf(x)
  return budget.allows(performance.now(), rules.budget) ? rules.earlyTimeouts : timeouts
}

function failureOf(x: Shaped, fault: GatewayFault): Failure | undefined {
  const { reason, retryable, unanswered } = fault
  switch (reason) {
    case 'upstream-full':
      return retryable ? neverSent('full', false, x) : undefined
    case 'upstream-unreachable':
      // Try another upstream after a connect timeout, not the same one again: a second connection that times out would
      // double the time for which the client waits for the error.
      return retryable ? neverSent('connect', !isTimedOut(fault), x) : undefined
    case 'upstream-certificate':
    case 'upstream-handshake':
      return retryable ? neverSent('connect', false, x) : undefined
    case 'upstream-broken': {
      if (!unanswered) return undefined
      // Retry without a wait: the service has most likely closed an idle connection, and works.
      const waitMs = retryable ? 0 : backOffMs(x.attempts)
      return { cause: 'reset', wasSent: true, maySucceed: true, waitMs, fresh: true }
    }
    case 'upstream-timeout':
      return { cause: 'timeout', wasSent: true, maySucceed: true, waitMs: backOffMs(x.attempts), fresh: false }
    default:
      return undefined
  }
}

function neverSent(cause: 'connect' | 'full', maySucceed: boolean, x: Shaped): Failure {
  return { cause, wasSent: false, maySucceed, waitMs: backOffMs(x.attempts), fresh: false }
}

function isTimedOut({ cause }: GatewayFault): boolean {
  return (cause as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT'
}

function retryAfter(x: Shaped, { cause, wasSent, maySucceed, waitMs, fresh }: Failure): Retry | undefined {
  const rules = x.route.retry
  if (rules === undefined || !rules.on.has(cause === 'full' ? 'connect' : cause)) return undefined
  if (x.aborted || x.replyHead !== undefined || x.retryState?.isCredentialReplaced === true) return undefined
  if (wasSent && !mayRepeat(x)) return undefined
  const balancer = x.runtime.balancers[x.route.service.index]!
  if (!hasBodyToSend(x, wasSent)) {
    if (wasSent) balancer.retries.count(cause, 'body-not-kept')
    return undefined
  }
  x.retryState ??= new RetryState()
  const { tried } = x.retryState
  tried.push(x.target)
  const target = balancer.next(tried)
  const isSame = tried.includes(target)
  if (isSame && !maySucceed) return undefined
  const now = performance.now()
  const { budget } = balancer.retries
  // Try another upstream without charging the retry budget: a request that reached no upstream costs the services
  // nothing.
  const isFree = !wasSent && !isSame
  let outcome: RetryOutcome = 'retried'
  if (x.attempts >= (isFree ? Math.max(rules.attempts, UNREACHED_MAX) : rules.attempts)) outcome = 'attempts-exhausted'
  else if (!isFree && !budget.allows(now, rules.budget)) outcome = 'budget-exhausted'
  else if (isSame && !fits(x, now, waitMs)) outcome = 'not-in-time'
  balancer.retries.count(cause, outcome)
  if (outcome !== 'retried') return undefined
  if (!isFree) budget.retried(now)
  x.retryState.add(now, cause, x.target)
  return { target, fresh, waitMs: isSame ? waitMs : 0 }
}

/** Whether the exchange can wait before it sends the request again. The node does not wait while it drains. */
function fits({ deadlineAt, gate }: Shaped, now: number, waitMs: number): boolean {
  if (waitMs > RETRY_AFTER_MAX_MS || (gate.draining && waitMs > 0)) return false
  return deadlineAt === 0 || now + waitMs < deadlineAt
}

/** Whether the request may be repeated although the service may have received it. */
function mayRepeat({ head, route }: Shaped): boolean {
  return route.retry!.methods.has(head.method) && !head.grpc && head.handshake === undefined
}

/** Whether another attempt could send the same body: nothing of the body was sent, or the gate has kept it. */
function hasBodyToSend(x: Shaped, wasSent: boolean): boolean {
  if (x.retryState?.body !== undefined) return true
  return !x.downstream.bodyTouched && (!wasSent || hasNoBody(x))
}

function retriesOf({ runtime, route }: Shaped) {
  return runtime.balancers[route.service.index]!.retries
}

/** Returns a random wait before the attempt after `attempts` attempts, ms. */
function backOffMs(attempts: number): number {
  return Math.random() * BACK_OFF_MS * 2 ** (attempts - 1)
}

/**
 * Returns the wait that the service demands in `Retry-After` (RFC 9110 §10.2.3), ms; 0 without a valid field. The field
 * is a number of seconds or a date.
 */
function statedWaitMs(head: ReplyHead): number {
  for (let i = 0; i < head.fieldCount; i++) {
    if (head.nameLength(i) !== 11 || !head.nameStartsWith(i, 'retry-after')) continue
    const value = head.value(i)
    const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
    return Number.isNaN(ms) ? 0 : Math.max(0, ms)
  }
  return 0
}

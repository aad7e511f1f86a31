import { performance } from 'node:perf_hooks'
import type { GatewayFault } from '../../base/fault.ts'
import { rewritten } from '../../policy/rewrite.ts'
import type { ReplyHead } from '../../upstream/reply-head.ts'
import type { UpstreamListener } from '../../upstream/target.ts'
import { concludeReply, fail, refuseLate } from '../driver.ts'
import type { Forwarded, Shaped, Valid } from '../exchange.ts'
import type { Phase } from '../phase.ts'
import { validityVerdict } from '../validity-verdict.ts'

/**
 * Sends the request to the chosen upstream. From then on the upstream drives: bodies stream both ways, each as fast as
 * its reader takes it, and the reply ends the exchange.
 *
 * The validity of the credential is checked again before each retry, and before the request head is written to a
 * connection that had to be opened first: opening one may take up to the connect time-out.
 */
export const forward: Phase<Valid<Shaped>, Forwarded> = {
  name: 'forward',
  waits: false,
  run(x) {
    x.forwardedAt = performance.now()
    const { totalMs } = x.route.timeouts
    if (totalMs !== undefined) x.deadlineAt = x.startedAt + totalMs
    send(x)
    return undefined
  },
}

/** @param fresh  not over a kept connection */
function send(x: Shaped, fresh = false): void {
  x.attempts++
  const { head, route } = x
  const path = route.rewrite === undefined ? x.path : rewritten(x.path, route.rewrite)
  const request = {
    method: head.method,
    target: head.query === undefined ? path : `${path}?${head.query}`,
    fields: x.requestFields,
    body: x.downstream.openBody(),
    client: x.address,
    fresh,
    timeouts: route.timeouts,
  }
  x.call = x.target.send(request, new ReplyForwarder(x))
}

/** Carries the upstream's reply to the client. */
class ReplyForwarder implements UpstreamListener {
  readonly #x: Shaped

  constructor(x: Shaped) {
    this.#x = x
  }

  onOpen(): void {
    this.#isValid()
  }

  onHead(head: ReplyHead): void {
    const x = this.#x
    x.repliedAt = performance.now()
    x.status = head.status
    x.replyHead = head
    for (const phase of x.lifecycle.reply) phase.run(x as never)
    x.downstream.begin(head)
  }

  onData(chunk: Buffer): boolean {
    return this.#x.downstream.write(chunk)
  }

  onEnd(): void {
    concludeReply(this.#x)
  }

  onFault(fault: GatewayFault): void {
    const x = this.#x
    if (mayRetry(x, fault)) {
      if (!this.#isValid()) return
      x.target = x.runtime.balancers[x.route.service.index]!.next()
      send(x, !neverSent(fault))
      return
    }
    fail(x, fault)
  }

  /** @returns false when the credential no longer holds: the call is given up then, and the exchange is refused */
  #isValid(): boolean {
    const x = this.#x
    try {
      const verdict = validityVerdict(x)
      if (verdict === undefined) return true
      refuseLate(x, verdict)
    } catch (error) {
      fail(x, error)
    }
    return false
  }
}

/** Longest row of upstreams that could not be reached. */
const TRIES_MAX = 3
const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Only when nothing of the request can have been acted upon. The connection never came up: the next upstream, each once
 * at most. A kept one was closed before the first byte of a reply: once more, over a new one, if the request is safe and
 * has no body.
 */
function mayRetry(x: Shaped, fault: GatewayFault): boolean {
  if (!fault.retryable || x.aborted || x.replyHead !== undefined || x.downstream.bodyTouched) return false
  if (neverSent(fault)) {
    return x.attempts < Math.min(x.runtime.balancers[x.route.service.index]!.targets.length, TRIES_MAX)
  }
  return x.attempts === 1 && safe.has(x.head.method) && !x.head.chunked && (x.head.contentLength ?? 0) === 0
}

/** The next upstream may be better off. */
function neverSent({ reason }: GatewayFault): boolean {
  return reason === 'upstream-unreachable' || reason === 'upstream-full'
}

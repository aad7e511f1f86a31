import type { GatewayFault } from '../../base/fault.ts'
import type { UpstreamListener } from '../../upstream/target.ts'
import { concludeReply, fail } from '../driver.ts'
import type { Forwarded, Shaped } from '../exchange.ts'
import type { Phase } from '../phase.ts'

/**
 * Sends the request to the chosen upstream. From then on the upstream drives: bodies stream both ways, each as fast as
 * its reader takes it, and the reply ends the exchange.
 */
export const forward: Phase<Shaped, Forwarded> = {
  name: 'forward',
  run(x) {
    x.forwardedAt = performance.now()
    const { totalMs } = x.route.service.timeouts
    if (totalMs !== undefined) x.deadlineAt = x.startedAt + totalMs
    send(x)
    return undefined
  },
}

function send(x: Shaped): void {
  x.attempts++
  const { head } = x
  const request = {
    method: head.method,
    target: head.query === undefined ? x.path : `${x.path}?${head.query}`,
    fields: x.requestFields,
    body: x.downstream.openBody(),
  }
  x.call = x.target.send(request, new ReplyForwarder(x))
}

/** Carries the upstream's reply to the client. */
class ReplyForwarder implements UpstreamListener {
  readonly #x: Shaped

  constructor(x: Shaped) {
    this.#x = x
  }

  onHead(status: number, statusText: string, fields: readonly Buffer[]): void {
    const x = this.#x
    x.repliedAt = performance.now()
    x.status = status
    x.replyHead = { status, statusText, fields, contentLength: announcedLength(fields) }
    for (const phase of x.gate.lifecycle.reply) phase.run(x as never)
    x.downstream.begin(x.replyHead)
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
      x.target = x.runtime.balancers[x.route.service.index]!.next()
      send(x)
      return
    }
    fail(x, fault)
  }
}

const ATTEMPTS_MAX = 2
const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Once more, when nothing of the request can have been acted upon: the connection never came up, or a kept one was
 * closed before the first byte of a reply to a safe request without a body.
 */
function mayRetry(x: Shaped, fault: GatewayFault): boolean {
  if (!fault.retryable || x.attempts >= ATTEMPTS_MAX || x.aborted || x.replyHead !== undefined) return false
  if (x.downstream.bodyTouched) return false
  if (fault.reason === 'upstream-unreachable') return x.runtime.balancers[x.route.service.index]!.targets.length > 1
  return safe.has(x.head.method) && !x.head.chunked && (x.head.contentLength ?? 0) === 0
}

/** The parser of the upstream leg has seen to it that there is one plain number at most. */
function announcedLength(fields: readonly Buffer[]): number | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name.length === 14 && name.toString('latin1').toLowerCase() === 'content-length') {
      return Number(fields[i + 1]!.toString('latin1'))
    }
  }
  return undefined
}

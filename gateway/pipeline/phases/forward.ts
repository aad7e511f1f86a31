import { performance } from 'node:perf_hooks'
import type { GatewayFault } from '../../base/fault.ts'
import { rewritten } from '../../policy/services/rewrite.ts'
import type { StreamCandidate, WatchedStream } from '../../streams/watched-stream.ts'
import type { ReplyHead } from '../../upstream/reply-head.ts'
import type { UpgradeCall, UpgradeListener, UpstreamListener } from '../../upstream/target.ts'
import { claimStream } from '../exchange/claim-stream.ts'
import { concludeReply, fail, refuseForwarded } from '../exchange/driver.ts'
import type { Forwarded, Shaped, Valid } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { RelayedStream } from '../exchange/relayed-stream.ts'
import { validityReasons, validityVerdict } from '../identity/validity-verdict.ts'
import { recordOpened } from '../records/record-audit.ts'
import { WebSocketRelay } from '../websocket/websocket-relay.ts'

/**
 * Sends the request to the selected upstream. Upstream events then drive the exchange. The bodies of request and
 * response stream with backpressure, and the end of the response ends the exchange.
 *
 * The credential is validated again before each retry. It is also validated before the request head is sent on a newly
 * opened connection, because connecting may take up to the connect timeout. Denials of these validations, and faults of
 * the upstream, end the exchange after `run` has returned.
 */
export const forward = phase<Valid<Shaped>, Forwarded>()({
  name: 'forward',
  waits: false,
  denies: [...validityReasons, 'streams-full', 'stream-limited'],
  answers: ['login-required'],
  throws: [
    'upstream-unreachable',
    'upstream-certificate',
    'upstream-handshake',
    'upstream-full',
    'upstream-broken',
    'upstream-timeout',
  ],
  run(x): ReturnType<typeof validityVerdict> | ReturnType<typeof claimStream> {
    if (x.head.handshake !== undefined) {
      const denied = claimStream(x)
      if (denied !== undefined) return denied
    }
    x.forwardedAt = performance.now()
    const { totalMs } = x.route.timeouts
    if (totalMs !== undefined) x.deadlineAt = x.startedAt + totalMs
    send(x)
    return undefined
  },
})

/**
 * Sends the request to the selected upstream.
 *
 * @param fresh  use a new connection instead of a pooled one
 */
function send(x: Shaped, fresh = false): void {
  x.attempts++
  if (x.head.handshake !== undefined) {
    sendUpgrade(x)
    return
  }
  const { head, route } = x
  const request = {
    method: head.method,
    target: targetOf(x),
    fields: x.requestFields,
    body: x.downstream.openBody(),
    client: x.address,
    fresh,
    timeouts: route.timeouts,
  }
  x.call = x.target.send(request, new ReplyForwarder(x))
}

/** Path and query that the service receives. */
function targetOf({ head, route, path }: Shaped): string {
  const rest = route.rewrite === undefined ? path : rewritten(path, route.rewrite)
  return head.query === undefined ? rest : `${rest}?${head.query}`
}

const noRequestFields: string[] = []

/** Sends a WebSocket handshake to the selected upstream. */
function sendUpgrade(x: Shaped): void {
  const { route, offers: protocols, address: client } = x
  const { timeouts } = route
  const maxMessageBytes = messageMaxBytes(x)
  const forwarder = new UpgradeForwarder(x)
  const request = { target: targetOf(x), fields: x.requestFields, protocols, client, timeouts, maxMessageBytes }
  const call = x.target.upgrade(request, forwarder)
  forwarder.call = call
  x.call = call
}

function messageMaxBytes({ route, gate }: Shaped): number {
  return route.websocket!.maxMessageBytes ?? gate.limits.messageMaxBytes
}

/** Forwards the upstream's response to the client. */
class ReplyForwarder implements UpstreamListener, StreamCandidate {
  protected readonly x: Shaped
  /** Number of the read that contained the head of the reply. */
  #headRead = 0

  constructor(x: Shaped) {
    this.x = x
  }

  onOpen(): void {
    this.isValid()
  }

  onHead(head: ReplyHead): void {
    const x = this.x
    x.repliedAt = performance.now()
    x.status = head.status
    x.replyHead = head
    for (const phase of x.lifecycle.reply) phase.run(x as never)
    // `timeouts.total` and `timeouts.idle` do not apply to an event stream: `streams.max_age` and `streams.idle` do.
    if (x.eventStream) {
      x.deadlineAt = 0
      x.call!.allowSilence()
      const denied = claimStream(x)
      if (denied !== undefined) {
        refuseForwarded(x, denied)
        return
      }
    }
    x.downstream.begin(head)
    this.#headRead = x.call!.reads
  }

  onData(chunk: Buffer): boolean {
    const { x } = this
    if (x.stream === undefined) {
      if (x.call!.reads === this.#headRead) {
        const room = x.downstream.write(chunk)
        // Bytes that wait for the client are checked when the client reads.
        if (!room) x.gate.streams?.open(this)
        return room
      }
      // The reply continues after the read that contained its head, so it is a stream.
      x.gate.streams?.open(this)
      if (x.settled) return false
    }
    return x.stream === undefined ? x.downstream.write(chunk) : x.stream.write(chunk)
  }

  onEnd(): void {
    const { stream } = this.x
    if (stream === undefined) concludeReply(this.x)
    else stream.finish()
  }

  startStream(): WatchedStream | undefined {
    return RelayedStream.start(this.x)
  }

  onFault(fault: GatewayFault): void {
    const x = this.x
    if (mayRetry(x, fault)) {
      if (!this.isValid()) return
      x.target = x.runtime.balancers[x.route.service.index]!.next()
      send(x, !neverSent(fault))
      return
    }
    fail(x, fault)
  }

  /**
   * Validates the credential again.
   *
   * @returns false when the credential is no longer valid; the call is then cancelled and the exchange refused
   */
  protected isValid(): boolean {
    const x = this.x
    try {
      const verdict = validityVerdict(x)
      if (verdict === undefined) return true
      refuseForwarded(x, verdict)
    } catch (error) {
      fail(x, error)
    }
    return false
  }
}

/** Forwards the upstream's response to a WebSocket handshake: an ordinary reply, or 101 and then messages. */
class UpgradeForwarder extends ReplyForwarder implements UpgradeListener {
  call!: UpgradeCall
  #relay: WebSocketRelay | undefined

  onSwitch(head: ReplyHead, protocol: string): void {
    const { x } = this
    x.repliedAt = performance.now()
    x.status = head.status
    x.replyHead = head
    if (!this.isValid()) return
    const relay = new WebSocketRelay(x, this.call)
    x.gate.streams!.open({ startStream: () => relay })
    // The first check of the stream in the registry may have ended the exchange.
    if (x.settled) return
    for (const phase of x.lifecycle.reply) phase.run(x as never)
    x.deadlineAt = 0
    // The WebSocket may be open for days: release what only the handshake needed.
    x.requestFields = noRequestFields
    this.#relay = relay
    x.socket = x.downstream.accept(head, protocol === '' ? x.ownProtocol : protocol, messageMaxBytes(x), relay)
    relay.begin(x.socket)
    if (x.gate.audit !== undefined) recordOpened(x, x.gate.audit)
  }

  onMessage(data: Buffer, binary: boolean): boolean {
    return this.#relay!.onServiceMessage(data, binary)
  }

  onDrained(): void {
    this.#relay!.onServiceDrained()
  }

  onClose(code: number, reason: Buffer): void {
    this.#relay!.onServiceClosed(code, reason)
  }

  override onFault(fault: GatewayFault): void {
    if (this.#relay === undefined) super.onFault(fault)
    else this.#relay.onServiceLost(fault)
  }
}

/** Maximum number of attempts for one request, when each upstream is unreachable or full. */
const TRIES_MAX = 3
const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether a failed request may be retried. If an upstream is unreachable or full, the next upstream is tried. A request
 * gets at most as many attempts as the service has upstreams, and at most `TRIES_MAX`. If a pooled connection closed
 * before the first response byte, the request is sent once more on a new connection. The service may have received such
 * a request, so this second case is limited to a safe method without a body.
 */
function mayRetry(x: Shaped, fault: GatewayFault): boolean {
  if (!fault.retryable || x.aborted || x.replyHead !== undefined || x.downstream.bodyTouched) return false
  if (neverSent(fault)) {
    return x.attempts < Math.min(x.runtime.balancers[x.route.service.index]!.targets.length, TRIES_MAX)
  }
  return x.attempts === 1 && safe.has(x.head.method) && !x.head.chunked && (x.head.contentLength ?? 0) === 0
}

/** Whether a retryable fault means that nothing of the request was sent, so that another upstream can be tried. */
function neverSent({ reason }: GatewayFault): boolean {
  return reason !== 'upstream-broken'
}

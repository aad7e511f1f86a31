import { performance } from 'node:perf_hooks'
import type { GatewayFault } from '../../base/fault.ts'
import { rewritten } from '../../policy/services/rewrite.ts'
import type { StreamCandidate, WatchedStream } from '../../streams/watched-stream.ts'
import type { ReplyHead } from '../../upstream/reply-head.ts'
import type { Trailers, UpgradeCall, UpgradeListener, UpstreamListener } from '../../upstream/target.ts'
import { claimStream } from '../exchange/claim-stream.ts'
import { isCredentialRefused } from '../exchange/credential-refusal.ts'
import { deadlineFault, deadlineOf, stateTimeLeft } from '../exchange/deadline.ts'
import { concludeReply, fail, refuseForwarded } from '../exchange/driver.ts'
import type { Forwarded, Shaped, Valid } from '../exchange/exchange.ts'
import { keepBody } from '../exchange/keep-body.ts'
import { phase } from '../exchange/phase.ts'
import { RelayedStream } from '../exchange/relayed-stream.ts'
import { hasNoBody } from '../exchange/repeatable.ts'
import { attemptTimeouts, type Retry, retryAfterFault, retryAfterReply } from '../exchange/retry.ts'
import { WaitingRetry } from '../exchange/waiting-retry.ts'
import { validityReasons, validityVerdict } from '../identity/validity-verdict.ts'
import { recordOpened } from '../records/record-audit.ts'
import { WebSocketRelay } from '../websocket/websocket-relay.ts'

/**
 * Sends the request to the selected upstream. Upstream events then drive the exchange. The bodies of request and
 * response stream with backpressure, and the end of the response ends the exchange.
 *
 * After some failures the request is sent again, as `retry` of the policy allows. When the service replies 401 to a
 * credential of the gate, the request is sent once more with a newer credential, and never after that.
 *
 * The credential of the client is validated again before each retry. It is also validated before the request head is
 * sent on a newly opened connection, because connecting may take up to the connect timeout. Denials of these
 * validations, and faults of the upstream, end the exchange after `run` has returned.
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
    'upstream-credential-refused',
    'exchange-timeout',
  ],
  run(x): ReturnType<typeof validityVerdict> | ReturnType<typeof claimStream> {
    if (x.head.handshake !== undefined) {
      const denied = claimStream(x)
      if (denied !== undefined) return denied
    }
    x.forwardedAt = performance.now()
    x.deadlineAt = deadlineOf(x)
    if (x.head.grpc && x.deadlineAt !== 0 && x.deadlineAt <= x.forwardedAt) throw deadlineFault(x)
    x.runtime.balancers[x.route.service.index]?.retries.budget.called(x.forwardedAt)
    if (!keepBody(x, sendIfValid)) send(x)
    return undefined
  },
})

/** Sends the request after its body has been read, which can take as long as the client wants. */
function sendIfValid(x: Shaped): void {
  if (isStillValid(x)) send(x)
}

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
  const { head } = x
  if (head.grpc) stateTimeLeft(x, performance.now())
  const request = {
    method: head.method,
    target: targetOf(x),
    fields: x.requestFields,
    body: x.retryState?.body?.open() ?? x.downstream.openBody(),
    client: x.address,
    fresh,
    timeouts: head.grpc ? endless : attemptTimeouts(x),
  }
  x.call = x.target.send(request, new ReplyForwarder(x))
}

/**
 * Timeouts of a gRPC call: none. The call may wait for its next message for any time; its deadline, `streams.idle` and
 * unanswered PINGs end a call that is too long or silent.
 */
const endless = { firstByteMs: Number.POSITIVE_INFINITY, idleMs: Number.POSITIVE_INFINITY } as const

/** Returns the path and query that the service receives. */
function targetOf({ head, route, path }: Shaped): string {
  const rest = route.rewrite === undefined ? path : rewritten(path, route.rewrite)
  return head.query === undefined ? rest : `${rest}?${head.query}`
}

/** Replaces the request fields of a WebSocket that is open. @bound code */
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
  /** Number of the read from the service in which the head of the reply arrived. */
  #headRead = 0

  constructor(x: Shaped) {
    this.x = x
  }

  onOpen(): void {
    this.isValid()
  }

  onHead(head: ReplyHead): void {
    const x = this.x
    if (head.status === 401 && isCredentialRefused(x, this.#renewal())) return
    const retry = retryAfterReply(x, head)
    if (retry !== undefined) {
      x.call!.discard()
      this.#retry(retry)
      return
    }
    x.retryState?.close()
    x.repliedAt = performance.now()
    if (x.attempts === 1 && hasNoBody(x)) x.target.health?.timed(x.repliedAt - x.forwardedAt)
    x.status = head.status
    x.replyHead = head
    for (const phase of x.lifecycle.reply) phase.run(x as never)
    // Replace the timeouts for an event stream: `streams.max_age` and `streams.idle` apply instead of `timeouts.total`
    // and `timeouts.idle`.
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
    // Check the event stream before its first event, which may arrive with the head: the node may have acknowledged a
    // revocation meanwhile.
    if (x.eventStream) x.gate.streams?.open(this)
  }

  onData(chunk: Buffer): boolean {
    const { x } = this
    if (x.stream === undefined) {
      // Send nothing when the check of an event stream at its head has refused it.
      if (x.settled) return false
      if (x.call!.reads === this.#headRead) {
        const room = x.downstream.write(chunk)
        // Register the exchange as a stream when its client reads slowly, so that the credential is checked again when
        // the client reads the queued bytes.
        if (!room) x.gate.streams?.open(this)
        return room
      }
      // Register the exchange as a stream: bytes of the reply arrived in a later read than its head.
      x.gate.streams?.open(this)
      if (x.settled) return false
    }
    return x.stream === undefined ? x.downstream.write(chunk) : x.stream.write(chunk)
  }

  onEnd(trailers?: Trailers): void {
    const { stream } = this.x
    if (stream === undefined) concludeReply(this.x, trailers)
    else stream.finish(trailers)
  }

  startStream(): WatchedStream | undefined {
    return RelayedStream.start(this.x)
  }

  onFault(fault: GatewayFault): void {
    const retry = retryAfterFault(this.x, fault)
    if (retry === undefined) fail(this.x, fault)
    else this.#retry(retry)
  }

  /** Steps that send the request to the service again with a newer credential. */
  #renewal() {
    return { isValid: () => this.isValid(), send: () => send(this.x, true) }
  }

  #retry(retry: Retry): void {
    const x = this.x
    if (retry.waitMs > 0) x.call = new WaitingRetry(x, retry.waitMs, () => this.#sendAgain(retry))
    else this.#sendAgain(retry)
  }

  #sendAgain({ target, fresh }: Retry): void {
    const x = this.x
    if (x.settled || !this.isValid()) return
    x.target = target
    send(x, fresh)
  }

  protected isValid(): boolean {
    return isStillValid(this.x)
  }
}

/**
 * Validates the credential of the client again.
 *
 * @returns false when the credential is no longer valid; the call is then cancelled and the exchange refused
 */
function isStillValid(x: Shaped): boolean {
  try {
    const verdict = validityVerdict(x)
    if (verdict === undefined) return true
    refuseForwarded(x, verdict)
  } catch (error) {
    fail(x, error)
  }
  return false
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
    // Stop when the first check of the stream in the registry has ended the exchange.
    if (x.settled) return
    for (const phase of x.lifecycle.reply) phase.run(x as never)
    x.deadlineAt = 0
    // Release what only the handshake needed, because the WebSocket may be open for days.
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

import { performance } from 'node:perf_hooks'
import type { Denial } from '../../base/denial.ts'
import type { GatewayFault } from '../../base/fault.ts'
import type { RevocationMemo } from '../../oauth/token-facts.ts'
import type { MessageMeter } from '../../streams/message-windows.ts'
import type { StreamSelector, StreamView } from '../../streams/stream-view.ts'
import type { StreamWatch, WatchedStream } from '../../streams/watched-stream.ts'
import type { UpgradeCall } from '../../upstream/target.ts'
import { NO_CODE } from '../../upstream/websocket/close-code.ts'
import type { ClientSocket, ClientSocketListener } from '../exchange/client-socket.ts'
import { concludeWebSocket, fail, refuseForwarded } from '../exchange/driver.ts'
import type { EndReason } from '../exchange/end-reasons.ts'
import type { Recorded } from '../exchange/exchange.ts'
import { StreamAuthority } from '../exchange/stream-authority.ts'
import { isSelected, streamView } from '../exchange/stream-view.ts'
import { Close, closeFor } from './close-codes.ts'

/** Time between two calls of `sweep`, which checks a WebSocket for silence and stalls, ms. */
const SWEEP_MS = 250
/**
 * Number of sweeps (250 ms each) after which a silent service gets a ping: 30 s. After twice this time without a byte
 * of the service, its connection counts as lost.
 */
const QUIET_SWEEPS = 120
/**
 * Number of sweeps (250 ms each) after which the gate ends the WebSocket because the service reads none of its queued
 * messages: 30 s.
 */
const STALLED_SWEEPS = 120
/** Code that stands for a connection that was lost without a close frame. Never sent (RFC 6455 §7.4.1). */
const LOST = 1006

/**
 * Relays messages between the WebSocket of a client and the WebSocket of a service, in both directions. Each message is
 * checked before it is relayed.
 */
export class WebSocketRelay implements WatchedStream, ClientSocketListener {
  readonly #x: Recorded
  readonly #call: UpgradeCall
  readonly #authority: StreamAuthority
  /** Limits of messages of the WebSocket; `undefined` without limits of messages. */
  readonly #meter: MessageMeter | undefined
  #watch!: StreamWatch
  #client: ClientSocket | undefined
  /** True while `send` to the service has returned false because the service does not read. */
  #full = false
  /** True while the gate does not read from the service, because the client does not read. */
  #servicePaused = false
  #held = false
  /** True while messages of the client wait because a message limit is exhausted. */
  #limited = false
  /**
   * Code and reason with which the client closed the WebSocket, while its messages are still queued for the service.
   */
  #clientClosed: { readonly code: number; readonly reason: string } | undefined
  /** True when the service has closed its WebSocket, or its connection was lost. */
  #serviceOver = false
  /** End reason of the WebSocket that is recorded after the client has received the last message. */
  #endReason: EndReason = 'admitted'
  #readsSeen = 0
  #quietSweeps = 0
  #messagesSeen = 0
  #idleSweeps = 0
  #unsentSeen = 0
  #stalledSweeps = 0

  constructor(x: Recorded, call: UpgradeCall) {
    this.#x = x
    this.#call = call
    this.#authority = new StreamAuthority(x, () => this.mayRelay())
    const { messageLimits } = x.route.websocket!
    if (messageLimits.length > 0 && x.facts !== undefined) {
      const { issuer, subject } = x.facts
      this.#meter = x.gate.streams!.messages.open(messageLimits, `${issuer.issuer}\0${subject}`)
    }
  }

  /** Starts to relay messages between client and service. */
  begin(client: ClientSocket): void {
    this.#client = client
  }

  // Section: messages from the service to the client.

  /** Relays a message from the service to the client. @returns false to pause reading from the service */
  onServiceMessage(data: Uint8Array, binary: boolean): boolean {
    const room = this.#client!.send(data, binary)
    if (!room) this.#servicePaused = true
    return room
  }

  onServiceDrained(): void {
    this.#full = false
    this.#meter?.noteDelay(performance.now())
    this.#client!.resume()
    this.#closeService()
  }

  onServiceClosed(code: number, reason: Buffer): void {
    this.#serviceOver = true
    this.#finish(code === NO_CODE ? undefined : code, reason.toString())
  }

  onServiceLost(fault: GatewayFault): void {
    this.#serviceOver = true
    this.#x.faultMessage = fault.message
    this.#endReason = 'reply-broken'
    this.#finish(Close.serviceLost.code, Close.serviceLost.reason)
  }

  #finish(code: number | undefined, reason: string): void {
    this.#client!.finish(code, reason)
  }

  // Section: messages from the client to the service.

  mayRelay(): boolean {
    return this.#watch.mayRelay()
  }

  ready(): boolean {
    return !this.#full && this.#watch.mayRelay() && !this.#waitsForLimit()
  }

  #waitsForLimit(): boolean {
    this.#limited = this.#meter?.mustWait(performance.now()) ?? false
    return this.#limited
  }

  onMessage(data: Uint8Array, binary: boolean): void {
    this.#authority.used()
    const exceeded = this.#meter?.take(performance.now())
    if (exceeded !== undefined) {
      this.#x.limit = exceeded.label
      this.#x.streamEnd = 'rate-limited'
      this.#end(Close.tooMany, 'stream-ended')
      return
    }
    if (this.#call.send(data, binary)) return
    this.#full = true
    this.#client!.pause()
  }

  onTooLarge(): void {
    this.#end(Close.tooLarge, 'message-too-large', Close.goingAway)
  }

  onFlood(): void {
    this.#x.streamEnd = 'rate-limited'
    this.#end(Close.tooMany, 'stream-ended')
  }

  onQueueFull(): void {
    this.#end(Close.serviceStalled, 'service-stalled')
  }

  onDrained(): void {
    this.#servicePaused = false
    this.#call.resume()
  }

  onFinished(): void {
    concludeWebSocket(this.#x, this.#endReason)
  }

  onClose(code: number, reason: string): void {
    this.#clientClosed = { code, reason }
    this.#closeService()
  }

  onGoingAway(): void {
    this.#end(Close.goingAway, 'node-stopped')
  }

  /**
   * Closes the WebSocket to the service when the client has closed its WebSocket and its last message was passed to the
   * service.
   */
  #closeService(): void {
    const closed = this.#clientClosed
    if (closed === undefined || this.#full || this.#client!.pending) return
    const { code, reason } = closed
    if (code === LOST) this.#call.abort()
    else this.#call.close(code === NO_CODE ? undefined : code, reason)
    concludeWebSocket(this.#x, code === LOST ? 'client-gone' : 'admitted')
  }

  // Section: checks of the WebSocket as a stream.

  watchedBy(watch: StreamWatch): void {
    this.#watch = watch
    // Start the checks of the stream, which `settle` ends, however the exchange ends.
    this.#x.watch = {
      mayRelay: () => watch.mayRelay(),
      close: () => {
        watch.close()
        this.#meter?.close()
      },
    }
  }

  readonly kind = 'websocket'

  get holdMs(): number | undefined {
    return this.#authority.holdMs
  }

  get lookups(): readonly RevocationMemo[] {
    return this.#authority.lookups
  }

  reconsider(): Denial | undefined {
    return this.#authority.verdict()
  }

  view(): StreamView {
    return streamView(this.#authority.current)
  }

  isSelected(selector: StreamSelector): boolean {
    return isSelected(this.#authority.current, selector)
  }

  hold(): void {
    this.#held = true
    this.#call.pause()
    this.#client?.pause()
  }

  release(): void {
    this.#held = false
    this.#meter?.noteDelay(performance.now())
    if (this.#client === undefined) return
    this.#client.resume()
    this.#call.resume()
    this.#closeService()
  }

  end(denial: Denial): void {
    if (this.#client === undefined) {
      refuseForwarded(this.#x, denial)
      return
    }
    this.#x.streamEnd = denial.reason
    this.#end(closeFor(denial), 'stream-ended')
  }

  fail(fault: unknown): void {
    if (this.#client === undefined) {
      fail(this.#x, fault)
      return
    }
    this.#x.faultMessage = String(fault)
    this.#end(Close.fault, 'node-fault')
  }

  /** Ends the WebSockets of the client and of the service at once. */
  #end(close: Close, reason: EndReason, toService = close): void {
    this.#call.close(toService.code, toService.reason)
    this.#client!.close(close.code, close.reason)
    concludeWebSocket(this.#x, reason)
  }

  /**
   * Called every `SWEEP_MS`. Pings a silent service. Ends the WebSocket when the service is lost or stalled, or when no
   * message was sent for `streams.idle`. Resumes a client that waits for a message limit.
   */
  sweep(): void {
    if (this.#serviceOver) return
    this.#sweepReads()
    this.#sweepQueue()
    this.#sweepLimited()
    this.#sweepMessages()
  }

  #sweepReads(): void {
    const { reads } = this.#call
    // Do not count silence while the gate does not read from the service: it does not see pongs of the service then.
    if (reads !== this.#readsSeen || this.#servicePaused || this.#held) {
      this.#readsSeen = reads
      this.#quietSweeps = 0
    } else if (++this.#quietSweeps === QUIET_SWEEPS) this.#call.ping()
    else if (this.#quietSweeps >= 2 * QUIET_SWEEPS) {
      this.#x.faultMessage = 'the service answered no ping'
      this.#end(Close.serviceLost, 'reply-broken')
    }
  }

  #sweepLimited(): void {
    if (!this.#limited || this.#client === undefined) return
    this.#limited = false
    this.#client.resume()
    this.#closeService()
  }

  #sweepMessages(): void {
    const { idleMs } = this.#authority.current.route.streams
    if (idleMs === undefined || this.#client === undefined) return
    const messages = this.#client.messagesIn + this.#client.messagesOut
    if (messages !== this.#messagesSeen || this.#held) {
      this.#messagesSeen = messages
      this.#idleSweeps = 0
    } else if (++this.#idleSweeps * SWEEP_MS >= idleMs) {
      this.#x.streamEnd = 'stream-idle'
      this.#end(Close.idle, 'stream-ended')
    }
  }

  #sweepQueue(): void {
    const { unsentBytes } = this.#call
    if (!this.#full || unsentBytes !== this.#unsentSeen) this.#stalledSweeps = 0
    else if (++this.#stalledSweeps > STALLED_SWEEPS) this.#end(Close.serviceStalled, 'service-stalled')
    this.#unsentSeen = unsentBytes
  }
}

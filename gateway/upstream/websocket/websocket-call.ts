import { GatewayFault } from '../../base/fault.ts'
import type { ConcurrencyLimiter } from '../concurrency-limiter.ts'
import { Http1Call, type Upgrade } from '../http1-call.ts'
import type { ReplyHead } from '../reply-head.ts'
import type { UpgradeCall, UpgradeListener, UpgradeRequest, UpstreamRequest } from '../target.ts'
import { clientCloseFrame, clientFrame } from './client-frame.ts'
import { NO_CODE } from './close-code.ts'
import { FrameError, type FrameListener, FrameReader } from './frame-reader.ts'
import { Handshake } from './handshake.ts'
import { Opcode } from './opcode.ts'

/** Number of queued bytes above which `send` returns false, and from which pongs are not sent. */
const QUEUE_BYTES = 64 * 1024
const noData = new Uint8Array()

/** A WebSocket to a service: the handshake, then messages in both directions. */
export class WebSocketCall extends Http1Call implements UpgradeCall, Upgrade, FrameListener {
  override readonly upgrade: Upgrade = this
  /** The request with the fields of the handshake; `undefined` once the service has accepted it. */
  request: Pick<UpstreamRequest, 'method' | 'target' | 'fields' | 'body'> | undefined
  readonly #listener: UpgradeListener
  readonly #handshake: Handshake
  readonly #reader: FrameReader
  #switched = false
  /** True after `send` returned false, until all messages were written. */
  #full = false
  #corked = false

  constructor(request: UpgradeRequest, listener: UpgradeListener, seats: ConcurrencyLimiter) {
    const { client, timeouts } = request
    super({ method: 'GET', body: undefined, timeouts, ...(client === undefined ? {} : { client }) }, listener, seats)
    this.#listener = listener
    this.#handshake = new Handshake(request.protocols)
    this.#reader = new FrameReader(this, request.maxMessageBytes)
    const fields = [...request.fields, ...this.#handshake.fields]
    this.request = { method: 'GET', target: request.target, fields, body: undefined }
  }

  accept(head: ReplyHead): string {
    return this.#handshake.check(head)
  }

  begin(head: ReplyHead, protocol: string): void {
    this.#switched = true
    // A WebSocket may be open for days: release the memory of the handshake.
    this.request = undefined
    this.head = undefined
    this.#listener.onSwitch(head, protocol)
  }

  read(bytes: Buffer, from: number, to: number): void {
    try {
      this.#reader.read(bytes, from, to)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      const { connection } = this
      connection?.write(clientCloseFrame(error.closeCode, error.message))
      connection?.finish()
      this.fail(new GatewayFault('upstream-broken', 'upstream', `invalid WebSocket frame: ${error.message}`))
    }
  }

  onMessage(data: Buffer, binary: boolean): void {
    // After `abort` or `close`, the rest of the bytes that were read together is dropped.
    if (this.connection === undefined || this.#listener.onMessage(data, binary)) return
    this.pause()
  }

  onPing(data: Buffer): void {
    const { connection } = this
    // Pongs that a service does not read would fill the gate's memory. Only the latest ping needs a pong (RFC 6455
    // §5.5.3).
    if (connection !== undefined && connection.unsentBytes < QUEUE_BYTES) {
      connection.write(clientFrame(Opcode.pong, data))
    }
  }

  onClose(code: number, reason: Buffer): void {
    const { connection } = this
    if (!this.end()) return
    connection!.write(clientCloseFrame(code === NO_CODE ? undefined : code))
    connection!.finish()
    this.#listener.onClose(code, reason)
  }

  send(data: Uint8Array, binary: boolean): boolean {
    const { connection } = this
    if (connection === undefined || !this.#switched) return true
    if (!this.#corked) {
      // All messages of one read of the client are sent in one system call.
      this.#corked = true
      connection.cork()
      queueMicrotask(() => {
        this.#corked = false
        connection.uncork()
      })
    }
    connection.write(clientFrame(binary ? Opcode.binary : Opcode.text, data))
    this.#full ||= connection.unsentBytes > QUEUE_BYTES
    return !this.#full
  }

  ping(): void {
    if (this.#switched) this.connection?.write(clientFrame(Opcode.ping, noData))
  }

  get unsentBytes(): number {
    return this.connection?.unsentBytes ?? 0
  }

  drained(): void {
    if (!this.#full) return
    this.#full = false
    this.#listener.onDrained()
  }

  pause(): void {
    this.connection?.pause()
  }

  close(code?: number, reason?: string): void {
    const { connection } = this
    if (!this.#switched) {
      this.abort()
      return
    }
    if (!this.end()) return
    connection!.write(clientCloseFrame(code, reason))
    connection!.finish()
  }
}

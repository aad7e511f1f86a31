import { GatewayFault } from '../../base/fault.ts'
import type { ConcurrencyLimiter } from '../concurrency-limiter.ts'
import { type Carrier, Http1Call, type Upgrade } from '../http1-call.ts'
import type { ReplyHead } from '../reply-head.ts'
import type { UpgradeCall, UpgradeListener, UpgradeRequest, UpstreamRequest } from '../target.ts'
import { clientCloseFrame } from './client-frame.ts'
import { NO_CODE } from './close-code.ts'
import { FrameBatch } from './frame-batch.ts'
import { FrameError, type FrameListener, FrameReader } from './frame-reader.ts'
import { Handshake } from './handshake.ts'
import { Opcode } from './opcode.ts'

/** Number of queued bytes above which `send` returns false, and pings of the service are not answered. */
const QUEUE_BYTES = 64 * 1024
const noData = new Uint8Array()

/** Batch in which all WebSockets of the node collect their frames. */
const batch = new FrameBatch()

/** A WebSocket to a service: the handshake, then messages in both directions. */
export class WebSocketCall extends Http1Call implements UpgradeCall, Upgrade, FrameListener {
  override readonly upgrade: Upgrade = this
  override readonly kind = 'stream'
  /** The request with the fields of the handshake; `undefined` once the service has accepted it. */
  request: Pick<UpstreamRequest, 'method' | 'target' | 'fields' | 'body'> | undefined
  readonly #listener: UpgradeListener
  readonly #handshake: Handshake
  readonly #reader: FrameReader
  #switched = false
  /** True from the moment at which more than `QUEUE_BYTES` are unsent, until all are written. `send` then returns false. */
  #full = false

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
    // Release the memory of the handshake: a WebSocket may be open for days.
    this.request = undefined
    this.head = undefined
    this.#listener.onSwitch(head, protocol)
  }

  read(bytes: Buffer, from: number, to: number): void {
    try {
      this.#reader.read(bytes, from, to)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      if (this.connection !== undefined) closeWith(this.connection, error.closeCode, error.message)
      this.fail(
        new GatewayFault(
          'upstream-broken',
          'upstream',
          `the service sent an invalid WebSocket frame: ${error.message}`,
        ),
      )
    }
  }

  onMessage(data: Buffer, binary: boolean): void {
    // Drop the rest of the bytes that were read together, because the WebSocket was ended by `abort` or `close`.
    if (this.connection === undefined || this.#listener.onMessage(data, binary)) return
    this.pause()
  }

  onPing(data: Buffer): void {
    const { connection } = this
    // Skip the pong: pongs that a service does not read would fill the gate's memory. Only the latest ping needs a pong
    // (RFC 6455 §5.5.3).
    if (connection !== undefined && connection.unsentBytes < QUEUE_BYTES) {
      batch.add(connection, Opcode.pong, data)
    }
  }

  onClose(code: number, reason: Buffer): void {
    const { connection } = this
    if (!this.end()) return
    closeWith(connection!, code === NO_CODE ? undefined : code)
    this.#listener.onClose(code, reason)
  }

  send(data: Uint8Array, binary: boolean): boolean {
    const { connection } = this
    if (connection === undefined || !this.#switched) return true
    batch.add(connection, binary ? Opcode.binary : Opcode.text, data)
    this.#full ||= connection.unsentBytes > QUEUE_BYTES
    return !this.#full
  }

  ping(): void {
    if (this.#switched && this.connection !== undefined) batch.add(this.connection, Opcode.ping, noData)
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
    closeWith(connection!, code, reason)
  }
}

/** Sends a close frame after all queued messages, and then ends the connection. */
function closeWith(connection: Carrier, code?: number, reason?: string): void {
  batch.flush()
  connection.write(clientCloseFrame(code, reason))
  connection.finish()
}

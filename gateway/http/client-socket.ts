import type { ClientSocket, ClientSocketListener } from '../pipeline/exchange/client-socket.ts'
import type { StallLimit } from '../pipeline/in-flight/in-flight.ts'
import { StallDetector } from '../pipeline/in-flight/stall-detector.ts'
import { MessageQueue, type QueuedMessage } from './message-queue.ts'
import type { HttpResponse, WebSocket } from './uws.ts'

/**
 * Sweeps (250 ms each) without a frame from the client after which the gate sends a ping: 30 s. After twice as long,
 * the client counts as lost, and the gate closes the connection.
 */
const QUIET_SWEEPS = 120
/**
 * Frames of a client between two sweeps above which it is disconnected. uWebSockets.js reads a socket within one turn of
 * the event loop for as long as the client keeps its buffer full, also while the socket is paused. Tiny frames at
 * 30 Mbit/s would occupy the node for that time.
 */
const FRAMES_MAX = 250_000
/** Sweeps (250 ms each) for which a WebSocket close frame waits for a client that does not read: 2 s. */
const CLOSE_SWEEPS = 8
/** Size of the WebSocket messages queued for the service above which the WebSocket ends, bytes: 64 MiB. */
const QUEUE_MAX_BYTES = 64 * 1024 * 1024
/** Text with which uWebSockets.js reports a WebSocket close frame with a code that it does not know, such as 3000. */
const UNKNOWN_CLOSE_CODE = 'Received invalid close payload'

/** User data of a WebSocket in uWebSockets.js. */
export interface SocketData {
  readonly socket: UwsClientSocket
}

/**
 * Methods of uWebSockets.js that stop and restart reading from a client. uWebSockets.js declares them for replies; they
 * work on WebSockets too.
 */
export type Flow = Pick<HttpResponse, 'pause' | 'resume'>

interface UwsClientSocketOptions {
  readonly flow: Flow
  /** Size above which a WebSocket message of the client is refused, bytes. */
  readonly maxBytes: number
  readonly listener: ClientSocketListener
  /**
   * Called when a WebSocket close frame that waited for unsent bytes was sent, or when the connection ended before
   * that.
   */
  readonly onEnded: () => void
}

/**
 * The WebSocket of a client, on uWebSockets.js. Any use of `ws` after its end throws.
 *
 * Memory is bounded in both directions: the service is paused while bytes wait for the client, and the client while
 * messages wait for the service. uWebSockets.js may deliver more messages after a pause; they are queued in order.
 */
export class UwsClientSocket implements ClientSocket {
  readonly #flow: Flow
  readonly #maxBytes: number
  readonly #listener: ClientSocketListener
  readonly #onEnded: () => void
  #ws: WebSocket<SocketData> | undefined
  /** True when no further WebSocket message is relayed in either direction. */
  #over = false
  #paused = false
  /** Queued WebSocket messages of the client for the service. @bound 64 MiB | the WebSocket is closed | none */
  readonly #incoming = new MessageQueue()
  /** Queued WebSocket messages of the service for the client. @bound 64 MiB | the WebSocket is closed | none */
  #outgoing: QueuedMessage[] = []
  /** True while uWebSockets.js holds bytes that the client of the WebSocket has not read. */
  #backed = false
  /** True after `send` to the WebSocket client returned false, until all messages were sent. */
  #full = false
  /** WebSocket close frame to send after the last message. */
  #finishing: { readonly code: number | undefined; readonly reason: string } | undefined
  /** WebSocket close frame that waits for the client to read, and the number of sweeps for which it has waited. */
  #ending: { readonly code: number; readonly reason: string; sweeps: number } | undefined
  /**
   * True while `#flush` or `resume` runs, to prevent a nested call: a check of a message may release a held stream,
   * which calls them again.
   */
  #flushing = false
  #passing = false
  #frames = 0
  #framesSeen = 0
  #quietSweeps = 0
  #reading: StallDetector | undefined
  messagesIn = 0
  messagesOut = 0
  bytesIn = 0
  bytesOut = 0
  closeCode: number | undefined

  constructor({ flow, maxBytes, listener, onEnded }: UwsClientSocketOptions) {
    this.#flow = flow
    this.#maxBytes = maxBytes
    this.#listener = listener
    this.#onEnded = onEnded
  }

  get pending(): boolean {
    return !this.#incoming.empty
  }

  /** True while a WebSocket close frame waits for the client to read. */
  get lingers(): boolean {
    return this.#ending !== undefined
  }

  opened(ws: WebSocket<SocketData>): void {
    this.#ws = ws
  }

  received(message: ArrayBuffer, binary: boolean): void {
    this.#guarded(() => this.#receive(message, binary))
  }

  /**
   * Reports an exception in an event of the WebSocket to its listener. The events of both sockets come here, and an
   * exception there ends the process.
   */
  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#listener.fail(error)
    }
  }

  #countFrame(): void {
    this.#frames++
    if (this.#frames - this.#framesSeen <= FRAMES_MAX) return
    if (!this.#over) this.#guarded(() => this.#listener.onFlood())
    // Close the connection of a flooding client at once: the client may not read the close frame that `onFlood` queued.
    this.#ws?.close()
  }

  #receive(message: ArrayBuffer, binary: boolean): void {
    this.#countFrame()
    if (this.#over || this.#finishing !== undefined) return
    const data = new Uint8Array(message)
    this.messagesIn++
    this.bytesIn += data.length
    if (data.length > this.#maxBytes) {
      this.#listener.onTooLarge()
      return
    }
    if (this.#incoming.empty && this.#listener.ready()) {
      this.#listener.onMessage(data, binary)
      return
    }
    // Check again whether the WebSocket has ended, because `ready` may have ended the WebSocket.
    if (this.#over) return
    this.#incoming.push(data, binary)
    // Pause the client after each message: a message that was in transit restarts reading from the client.
    this.pause()
    if (this.#incoming.bytes > QUEUE_MAX_BYTES + this.#maxBytes) this.#listener.onQueueFull()
  }

  /** Called for a ping or pong of the client. uWebSockets.js answers pings itself. */
  controlled(): void {
    this.#countFrame()
    // Count WebSocket pongs that the client has not read as waiting bytes: otherwise uWebSockets.js would drop the next
    // message.
    if (this.#ws !== undefined && this.#ws.getBufferedAmount() > 0) this.#backed = true
  }

  send(data: Uint8Array, binary: boolean): boolean {
    // Call `mayRelay` before the following checks: it may end the WebSocket, or release a held stream and send the
    // queue.
    const allowed = !this.#over && this.#listener.mayRelay()
    if (this.#over) return false
    if (!allowed || this.#backed || this.#outgoing.length > 0) {
      this.#outgoing.push({ data: Buffer.from(data), binary })
      this.#full = true
      return false
    }
    this.#write(data, binary)
    this.#full = this.#backed
    return !this.#full
  }

  #write(data: Uint8Array, binary: boolean): void {
    // Results of `send` of uWebSockets.js: 1: sent; 0: bytes wait for the client; 2: dropped, which the check of
    // `#backed` prevents.
    const status = this.#ws?.send(data, binary)
    if (status === 2) throw new Error('uWebSockets.js dropped a WebSocket message')
    if (status === 0) this.#backed = true
    this.messagesOut++
    this.bytesOut += data.length
  }

  /** Called when uWebSockets.js has sent the bytes that waited for the WebSocket client. */
  drained(): void {
    const ws = this.#ws
    if (ws === undefined || ws.getBufferedAmount() > 0) return
    this.#backed = false
    if (this.#ending !== undefined) this.#endWith(this.#ending.code, this.#ending.reason)
    else this.#guarded(() => this.#flush())
  }

  #flush(): void {
    if (this.#flushing) return
    this.#flushing = true
    let sent = 0
    while (!this.#over && !this.#backed && sent < this.#outgoing.length && this.#listener.mayRelay()) {
      const { data, binary } = this.#outgoing[sent++]!
      this.#write(data, binary)
    }
    this.#flushing = false
    if (this.#over) return
    this.#outgoing.splice(0, sent)
    if (this.#backed || this.#outgoing.length > 0) return
    if (this.#finishing !== undefined) this.#finish()
    else if (this.#full) {
      this.#full = false
      this.#listener.onDrained()
    }
  }

  pause(): void {
    this.#paused = true
    if (this.#ws !== undefined) this.#flow.pause.call(this.#ws as unknown as HttpResponse)
  }

  resume(): void {
    this.#guarded(() => this.#resume())
  }

  #resume(): void {
    this.#flush()
    if (this.#passing) return
    this.#passing = true
    while (!this.#over && !this.#incoming.empty && this.#listener.ready()) {
      const { data, binary } = this.#incoming.shift()
      this.#listener.onMessage(data, binary)
    }
    this.#passing = false
    if (this.#over || !this.#paused || this.#ws === undefined || this.pending || !this.#listener.ready()) return
    this.#read(this.#ws)
  }

  #read(ws: WebSocket<SocketData>): void {
    this.#paused = false
    // Pause before `resume`: alone, `resume` would poll the socket for the events of the socket that was paused last.
    this.#flow.pause.call(ws as unknown as HttpResponse)
    this.#flow.resume.call(ws as unknown as HttpResponse)
  }

  finish(code: number | undefined, reason: string): void {
    if (this.#over) return
    this.#finishing = { code, reason }
    this.#incoming.clear()
    // Resume reading from the client: while it is paused, the gate does not notice that the client closes the
    // connection.
    if (this.#paused && this.#ws !== undefined) this.#read(this.#ws)
    this.#flush()
  }

  #finish(): void {
    const { code, reason } = this.#finishing!
    this.#stop()
    if (this.#ws !== undefined) {
      this.closeCode = code
      this.#ws.end(code, reason)
    }
    this.#listener.onFinished()
  }

  close(code: number, reason: string): void {
    if (this.#over) return
    this.#stop()
    this.closeCode = code
    const ws = this.#ws
    if (ws === undefined) return
    // Wait until unsent bytes are sent: `end` of uWebSockets.js would cut them in the middle of a frame and omit the
    // close frame.
    if (ws.getBufferedAmount() === 0) ws.end(code, reason)
    else this.#ending = { code, reason, sweeps: 0 }
  }

  /** Closes the WebSocket connection without a close frame. */
  abort(): void {
    this.#stop()
    this.#ws?.close()
  }

  #stop(): void {
    this.#over = true
    this.#outgoing = []
    this.#incoming.clear()
  }

  #endWith(code: number, reason: string): void {
    this.#ending = undefined
    this.#ws?.end(code, reason)
    this.#onEnded()
  }

  /** Called when the WebSocket connection has ended, whichever side ended it. */
  closed(code: number, message: ArrayBuffer): void {
    this.#ws = undefined
    if (this.#ending !== undefined) {
      this.#ending = undefined
      this.#onEnded()
    }
    if (this.#over) return
    this.#outgoing = []
    const reason = Buffer.from(message).toString()
    // Use 1005 for a close without a code: the service then receives a close frame without a code.
    this.closeCode = code === 1006 && reason === UNKNOWN_CLOSE_CODE ? 1005 : code
    const { closeCode } = this
    if (this.#finishing === undefined) {
      this.#guarded(() => this.#listener.onClose(closeCode, code === 1006 ? '' : reason))
      return
    }
    this.#stop()
    this.#listener.onFinished()
  }

  /** Ends the WebSocket because the node stops. */
  goAway(): void {
    if (!this.#over) this.#listener.onGoingAway()
  }

  /**
   * Checks the WebSocket client, called every 250 ms. Pings a silent client, and detects lost and stalled ones.
   *
   * @returns the reason to abandon the exchange
   */
  sweep(limit: StallLimit): 'reader-stalled' | undefined {
    if (this.#ending !== undefined) {
      if (++this.#ending.sweeps > CLOSE_SWEEPS) this.#ws?.close()
      return undefined
    }
    if (this.#over) return undefined
    this.#listener.sweep()
    if (this.#over || this.#ws === undefined) return undefined
    this.#sweepFrames(this.#ws)
    if (this.#over || this.#ws === undefined) return undefined
    if (!this.#backed) {
      this.#reading = undefined
      return undefined
    }
    const taken = this.bytesOut - this.#ws.getBufferedAmount()
    this.#reading ??= new StallDetector(taken)
    return this.#reading.stalledCalls(taken, limit.bytes) > limit.sweeps ? 'reader-stalled' : undefined
  }

  #sweepFrames(ws: WebSocket<SocketData>): void {
    // Skip the check while the client is paused: its frames are not read, so a lack of frames does not show that the
    // client is lost.
    if (this.#frames !== this.#framesSeen || this.#paused) {
      this.#framesSeen = this.#frames
      this.#quietSweeps = 0
    } else if (++this.#quietSweeps === QUIET_SWEEPS) {
      if (ws.ping() !== 1) this.#backed = true
    } else if (this.#quietSweeps >= 2 * QUIET_SWEEPS) ws.close()
  }
}

/**
 * The WebSocket between client and gate, as the phases use it. After the WebSocket has ended, every method does
 * nothing.
 */
export interface ClientSocket {
  /** Number of messages received from the client and sent to the client, and the number of their bytes. */
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  /**
   * Close code of the client's or the gate's close frame; `undefined` while the WebSocket is open, and when it ended
   * without a close frame.
   */
  readonly closeCode: number | undefined
  /** True while messages of the client are queued for the service. */
  readonly pending: boolean
  /**
   * Sends a message, or queues a copy while the client is slow or the gate has paused the stream.
   *
   * @returns false while messages are queued; `onDrained` follows
   */
  send(data: Uint8Array, binary: boolean): boolean
  /** Stops reading from the WebSocket client. Messages that arrive nevertheless are queued. */
  pause(): void
  /** Passes queued WebSocket messages to the listener while the listener is ready, then reads from the client again. */
  resume(): void
  /**
   * Drops the WebSocket messages for the service, sends those for the client, and closes the WebSocket after the last
   * one. Then calls `onFinished`.
   */
  finish(code: number | undefined, reason: string): void
  /**
   * Drops the queued messages and closes the WebSocket. Bytes that were already sent still reach the client. The close
   * frame is omitted if the client does not read within 2 s.
   */
  close(code: number, reason: string): void
}

/** Receives the messages and events of a client's WebSocket, and decides whether messages may be relayed. */
export interface ClientSocketListener {
  /**
   * Whether a message from the service may be relayed to the client now. Called for each message. May close the
   * WebSocket.
   */
  mayRelay(): boolean
  /**
   * Whether a message from the client may be relayed to the service now. Also false while the service does not read, or
   * while a message limit is exhausted. May close the WebSocket.
   */
  ready(): boolean
  /** Called for each message of the client. @param data  valid until this method returns */
  onMessage(data: Uint8Array, binary: boolean): void
  /** Called when the client sent a message that is larger than the limit of the route. */
  onTooLarge(): void
  /** Called when the client has sent more frames since the last sweep than the limit allows. Closes the WebSocket. */
  onFlood(): void
  /** Called when the messages queued for the service exceed the limit of the queue. */
  onQueueFull(): void
  /** Called when the node stops, which closes its WebSockets. */
  onGoingAway(): void
  /**
   * Called when all WebSocket messages for the client were passed to the socket, but only after `send` returned false.
   */
  onDrained(): void
  /** Called when the WebSocket has ended after `finish`. */
  onFinished(): void
  /**
   * Called when the client closed the WebSocket or disconnected. Messages may still be queued for the service.
   *
   * @param code  1005 when the close frame has no code; 1006 when the connection was lost without a close frame
   */
  onClose(code: number, reason: string): void
  /** Called when the gate fails to relay a message because of a fault of the gate. */
  fail(fault: unknown): void
  /** Called every 250 ms until the WebSocket has ended. Pings a silent service, and detects an idle WebSocket. */
  sweep(): void
}

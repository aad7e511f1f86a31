/** The WebSocket of a client. After its end, every method does nothing. */
export interface ClientSocket {
  /** Messages received from the client and sent to it, and their bytes. */
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Close code: of the client's close frame, or of the gate's; `undefined` while open, and without a close frame. */
  readonly closeCode: number | undefined
  /** Messages are still queued for the service. */
  readonly pending: boolean
  /**
   * Sends a message, or queues it while the client is slow or the stream is held. It is copied in that case.
   *
   * @returns false while messages are queued; `onDrained` follows
   */
  send(data: Uint8Array, binary: boolean): boolean
  /** Stops reading from the client. Messages that arrive nevertheless are queued. */
  pause(): void
  /** Passes queued messages on and reads from the client again, as far as the listener is ready for messages. */
  resume(): void
  /** Sends the queued messages, and closes the WebSocket after the last one; then calls `onFinished`. */
  finish(code: number | undefined, reason: string): void
  /**
   * Drops the queued messages and closes the WebSocket. Bytes that were sent before cannot be called back. The close
   * frame is omitted if the client does not read within 2 s.
   */
  close(code: number, reason: string): void
}

/** The other end of a client's WebSocket: the service, and the checks on the way. */
export interface ClientSocketListener {
  /** Whether a message may be relayed to the client now. Checked for each message. May close the WebSocket. */
  mayRelay(): boolean
  /** As `mayRelay`, for a message to the service; also false while the service does not read. */
  ready(): boolean
  /** @param data  valid until this method returns */
  onMessage(data: Uint8Array, binary: boolean): void
  /** The client sent a message above the limit of the route. */
  onTooLarge(): void
  /** The messages queued for the service exceed the limit. */
  onQueueFull(): void
  /** The node stops. */
  onGoingAway(): void
  /** All messages for the client were passed to the socket. Called only after `send` returned false. */
  onDrained(): void
  /** The WebSocket ended after `finish`. */
  onFinished(): void
  /**
   * The client closed the WebSocket. Messages may still be queued for the service.
   *
   * @param code  1005 without a code; 1006 when the connection was lost
   */
  onClose(code: number, reason: string): void
  /** Relaying failed in the gate itself. */
  fail(fault: unknown): void
  /** Called every 250 ms. */
  sweep(): void
}

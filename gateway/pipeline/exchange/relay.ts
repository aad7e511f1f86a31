import type { Trailers } from '../../upstream/target.ts'

/**
 * Relays an exchange that the node checks as a stream. The client side and the service side of the exchange call these
 * methods.
 */
export interface Relay {
  /**
   * True while the exchange is held (paused): nothing may be relayed. A client that gets nothing during this time does
   * not count as slow.
   */
  readonly held: boolean
  /** Whether bytes may be relayed now, in either direction. May also end the exchange or hold (pause) it. */
  mayRelay(): boolean
  /** Like `mayRelay`, for bytes that the client has sent. A call counts as a use of the client's login session. */
  mayUpload(): boolean
  /**
   * Relays a part of the reply, or keeps it while the exchange is held (paused).
   *
   * @param chunk  copied if it has to be kept
   * @returns false to pause the service
   */
  write(chunk: Uint8Array): boolean
  /** Called with the trailers when the reply of the service is complete. */
  finish(trailers?: Trailers): void
  /** Called every 250 ms. Ends an event stream or gRPC call that was silent for `streams.idle` of the route. */
  sweep(): void
  /** Stops the checks of the stream, because the exchange has ended. */
  close(): void
}

import type { Trailers } from '../../upstream/target.ts'

/** An exchange that is watched as a stream, as its two sides use it. */
export interface Relay {
  /** True while nothing may be relayed. A client that gets nothing during this time does not count as slow. */
  readonly held: boolean
  /** Whether bytes may be relayed now, in either direction. Also ends or holds the exchange as necessary. */
  mayRelay(): boolean
  /** As `mayRelay`, for bytes that the client has sent. They count as a use of its login session. */
  mayUpload(): boolean
  /**
   * Relays a part of the reply, or keeps it while the exchange is held.
   *
   * @param chunk  copied if it has to be kept
   * @returns false to pause the service
   */
  write(chunk: Uint8Array): boolean
  /** Called when the reply of the service is complete, with its trailers. */
  finish(trailers?: Trailers): void
  /** Called every 250 ms. Ends an event stream or gRPC call that was silent for `streams.idle` of the route. */
  sweep(): void
  /** Ends the watch: the exchange has ended. */
  close(): void
}

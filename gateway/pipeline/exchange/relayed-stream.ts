import { type Denial, denial } from '../../base/denial.ts'
import type { RevocationMemo } from '../../oauth/token-facts.ts'
import type { StreamKind, StreamSelector, StreamView } from '../../streams/stream-view.ts'
import type { StreamWatch, WatchedStream } from '../../streams/watched-stream.ts'
import type { Trailers } from '../../upstream/target.ts'
import { concludeReply, endStream, fail } from './driver.ts'
import type { Recorded } from './exchange.ts'
import type { Relay } from './relay.ts'
import { StreamAuthority } from './stream-authority.ts'
import { isSelected, streamKind, streamView } from './stream-view.ts'

/** Time between two calls of `sweep`, which checks a stream for silence, ms. */
const SWEEP_MS = 250

const idle = denial('stream-idle')

/** A forwarded exchange whose reply or upload is still being relayed. */
export class RelayedStream implements WatchedStream, Relay {
  readonly #x: Recorded
  readonly #authority: StreamAuthority
  #watch!: StreamWatch
  held = false
  /**
   * Parts of the reply that arrived while the exchange was held (paused). There are few, because the gate does not read
   * from the service meanwhile.
   *
   * @bound request
   */
  #kept: Buffer[] = []
  /** True when the reply became complete while the exchange was held (paused). */
  #complete = false
  /** Trailers of the reply, if it became complete while the exchange was held (paused). */
  #trailers: Trailers | undefined
  /**
   * Activity at the last sweep that found new activity: number of reads from the service plus, for a gRPC call, number
   * of bytes from the client.
   */
  #activitySeen = 0
  /** Number of sweeps since the last sweep that found a new read from the service or new bytes from the client. */
  #idleSweeps = 0

  private constructor(x: Recorded) {
    this.#x = x
    this.#authority = new StreamAuthority(x, () => this.mayRelay())
  }

  get lookups(): readonly RevocationMemo[] {
    return this.#authority.lookups
  }

  /** Starts to watch a forwarded exchange. @returns `undefined` when it is complete, or already watched */
  static start(x: Recorded): RelayedStream | undefined {
    const { downstream } = x
    if (x.stream !== undefined) return undefined
    // Do not watch a settled exchange: it can be settled while the last bytes of its reply still wait for a slow
    // client.
    const runs = x.settled ? downstream.lingers : x.replyHead !== undefined || downstream.uploading || x.head.grpc
    if (!runs) return undefined
    const stream = new RelayedStream(x)
    x.stream = stream
    return stream
  }

  get kind(): StreamKind {
    return streamKind(this.#x)
  }

  get holdMs(): number | undefined {
    return this.#authority.holdMs
  }

  watchedBy(watch: StreamWatch): void {
    this.#watch = watch
  }

  /**
   * Skip the check of an exchange with a complete upload while it waits for its reply: the service may already have
   * acted on the request. A gRPC call is still checked, because it can be a stream that waits for its first message.
   */
  reconsider(): Denial | undefined {
    return this.#awaitsReply ? undefined : this.#authority.verdict()
  }

  get #awaitsReply(): boolean {
    const { settled, replyHead, downstream, head } = this.#x
    return !settled && replyHead === undefined && !downstream.uploading && !head.grpc
  }

  mayRelay(): boolean {
    return this.#watch.mayRelay()
  }

  mayUpload(): boolean {
    if (!this.mayRelay()) return false
    this.#authority.used()
    return true
  }

  write(chunk: Uint8Array): boolean {
    if (this.#watch.mayRelay()) return this.#x.downstream.write(chunk)
    if (this.held) this.#kept.push(Buffer.from(chunk))
    return false
  }

  finish(trailers?: Trailers): void {
    if (!this.held) {
      concludeReply(this.#x, trailers)
      return
    }
    this.#complete = true
    this.#trailers = trailers
  }

  hold(): void {
    this.held = true
  }

  release(): void {
    const { downstream, call } = this.#x
    this.held = false
    const kept = this.#kept
    this.#kept = []
    let room = downstream.continue()
    for (const chunk of kept) room = downstream.write(chunk)
    if (this.#complete) concludeReply(this.#x, this.#trailers)
    else if (room) call?.resume()
  }

  /** Counts sweeps instead of reading a clock, so that a node that was stopped reads its sockets before it ends streams. */
  sweep(): void {
    const { eventStream, settled, call, downstream, head } = this.#x
    const { idleMs } = this.#authority.current.route.streams
    if (!(eventStream || head.grpc) || settled || idleMs === undefined || call === undefined) return
    const activity = call.reads + (head.grpc ? downstream.bytesIn : 0)
    // Do not count silence while the stream is held: the gate does not read from the service while the stream is held
    // (paused) or the client is slow. The service does not count as silent then.
    if (activity !== this.#activitySeen || this.held || downstream.backedUp) {
      this.#activitySeen = activity
      this.#idleSweeps = 0
    } else if (++this.#idleSweeps * SWEEP_MS >= idleMs) this.end(idle)
  }

  end(denial: Denial): void {
    this.held = false
    this.#kept = []
    endStream(this.#x, denial)
  }

  fail(fault: unknown): void {
    if (this.#x.settled) this.#x.downstream.abort()
    else fail(this.#x, fault)
  }

  close(): void {
    this.#watch.close()
  }

  view(): StreamView {
    return streamView(this.#authority.current)
  }

  isSelected(selector: StreamSelector): boolean {
    return !this.#awaitsReply && isSelected(this.#authority.current, selector)
  }
}

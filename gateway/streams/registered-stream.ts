import type { ActiveSetMember } from '../base/active-set.ts'
import type { StreamKind } from './stream-view.ts'
import type { StreamWatch, WatchedStream } from './watched-stream.ts'

/** The registry of streams, as its entries use it. */
export interface StreamKeeper {
  /** Checks whether the stream of an entry is still allowed. @returns whether it may relay something now */
  check(entry: RegisteredStream): boolean
  remove(entry: RegisteredStream): void
}

/** Entry of a stream in the registry of streams. */
export class RegisteredStream implements StreamWatch, ActiveSetMember {
  readonly #keeper: StreamKeeper
  readonly stream: WatchedStream
  place = -1
  /**
   * Hashes of identities under which the stream is found after a revocation; one list per credential.
   *
   * @bound request
   */
  indexed: readonly (Uint32Array | undefined)[] = []
  /** Kind under which the stream is counted; `undefined` before its first successful check and after its end. */
  kind: StreamKind | undefined
  /** Time since which the stream is held (paused), monotonic, ms; `undefined` while it is not held. */
  heldAt: number | undefined
  /** True once an operator has ordered the end of the stream. From then on the stream relays nothing. */
  ordered = false
  /** True once the stream has ended, for whatever reason. */
  over = false

  constructor(keeper: StreamKeeper, stream: WatchedStream) {
    this.#keeper = keeper
    this.stream = stream
  }

  mayRelay(): boolean {
    return !this.over && this.#keeper.check(this)
  }

  close(): void {
    if (!this.over) this.#keeper.remove(this)
  }
}

import type { ActiveSetMember } from '../base/active-set.ts'
import type { StreamKind } from './stream-view.ts'
import type { StreamWatch, WatchedStream } from './watched-stream.ts'

/** The registry, as its entries use it. */
export interface StreamKeeper {
  /** @returns whether the stream may relay something now */
  check(entry: RegisteredStream): boolean
  remove(entry: RegisteredStream): void
}

/** A stream in the registry. */
export class RegisteredStream implements StreamWatch, ActiveSetMember {
  readonly #keeper: StreamKeeper
  readonly stream: WatchedStream
  place = -1
  /** Hashes under which the stream is indexed, one list per credential. */
  indexed: readonly (Uint32Array | undefined)[] = []
  /** Kind under which the stream is counted; `undefined` before its first successful check and after its end. */
  kind: StreamKind | undefined
  /** Monotonic, ms; `undefined` while the stream is not held. */
  heldAt: number | undefined
  /** True once an operator has ordered the end of the stream. It relays nothing from then on. */
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

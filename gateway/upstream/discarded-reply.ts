import type { UpstreamListener } from './target.ts'

/** Longest time without a byte of a discarded reply before its call is cancelled, ms. */
export const DISCARD_IDLE_MS = 1000
/**
 * Maximum size of a discarded reply, bytes; and maximum number of pieces in which its body may arrive. Above either
 * limit, the call is cancelled.
 */
const DISCARDED_MAX_BYTES = 16 * 1024
const PIECES_MAX = 16

/**
 * Reads the rest of a reply that the gate does not use, so that the connection to the service can be reused. Cancels the
 * call when the rest is larger than 16 KiB or arrives in more than 16 pieces.
 */
export class DiscardedReply implements UpstreamListener {
  readonly #cancel: () => void
  #bytes = 0
  #pieces = 0

  constructor(cancel: () => void) {
    this.#cancel = cancel
  }

  onOpen(): void {}

  onHead(): void {}

  onData(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#bytes > DISCARDED_MAX_BYTES || ++this.#pieces > PIECES_MAX) this.#cancel()
    return true
  }

  onEnd(): void {}

  onFault(): void {}
}

/** Bytes before each message of a gRPC call: one for compression, four for the length. */
export const GRPC_PREFIX_BYTES = 5

/**
 * Follows the messages in one direction of a gRPC call by their prefixes ("Length-Prefixed-Message" of gRPC over
 * HTTP/2). Looks at the prefixes only, and keeps no bytes.
 */
export class GrpcMessages {
  readonly #maxBytes: number
  /** Number of bytes of the current message prefix that have passed; 0 between two messages. */
  #prefix = 0
  #length = 0
  /** Number of bytes of the current gRPC message that have not passed yet. */
  #left = 0

  /** @param maxBytes  maximum size of a message, bytes */
  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes
  }

  /** True between two gRPC messages, and before the first one. */
  get isBetween(): boolean {
    return this.#prefix === 0
  }

  /**
   * Follows further bytes of the call. @returns false when a message is larger than the maximum; the bytes must then
   * not be passed on
   */
  pass(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      if (this.#prefix < GRPC_PREFIX_BYTES) {
        if (this.#prefix > 0) this.#length = this.#length * 256 + bytes[at]!
        at++
        if (++this.#prefix < GRPC_PREFIX_BYTES) continue
        if (this.#length > this.#maxBytes) return false
        this.#left = this.#length
        this.#length = 0
      }
      const passed = Math.min(this.#left, bytes.length - at)
      this.#left -= passed
      at += passed
      if (this.#left === 0) this.#prefix = 0
    }
    return true
  }
}

import { Readable } from 'node:stream'

const WINDOW_BYTES = 64 * 1024

/**
 * A request body as the upstream reads it. While `mayRelay` is false, reads return nothing, not even bytes that are
 * already in the buffer of this stream.
 */
export class BodyStream extends Readable {
  readonly #mayRelay: () => boolean

  /**
   * @param mayRelay  whether the upstream is allowed to read now; called at each read
   * @param fill      called when the stream needs more bytes
   */
  constructor(mayRelay: () => boolean, fill: () => void) {
    super({ highWaterMark: WINDOW_BYTES, read: fill })
    this.#mayRelay = mayRelay
    // Ignore the error of the request body's stream: a failed upstream call destroys the stream, and reports the
    // failure itself.
    this.on('error', () => undefined)
  }

  override read(size?: number): unknown {
    return this.#mayRelay() ? super.read(size) : null
  }

  /** Makes the upstream read again, after `mayRelay` was false and became true. */
  wake(): void {
    if (this.readableFlowing === true) this.pause().resume()
    else this.emit('readable')
  }
}

import { Readable } from 'node:stream'
import type { RequestStream } from '../../upstream/target.ts'

const WINDOW_BYTES = 64 * 1024

/**
 * A request body as the upstream reads it. While `mayRelay` is false, reads return nothing, not even bytes that are
 * already in the buffer of this stream.
 */
export class BodyStream extends Readable implements RequestStream {
  readonly #mayRelay: () => boolean
  readonly #take: (length: number | undefined) => Buffer | undefined

  /**
   * @param mayRelay  whether the upstream is allowed to read now; called at each read
   * @param fill      called when the stream needs more bytes
   * @param take      takes the whole body, as described in `RequestStream.takeWhole`
   */
  constructor(mayRelay: () => boolean, fill: () => void, take: (length: number | undefined) => Buffer | undefined) {
    super({ highWaterMark: WINDOW_BYTES, read: fill })
    this.#mayRelay = mayRelay
    this.#take = take
    // Ignore the error of the request body's stream: a failed upstream call destroys the stream, and reports the
    // failure itself.
    this.on('error', () => undefined)
  }

  override read(size?: number): unknown {
    return this.#mayRelay() ? super.read(size) : null
  }

  takeWhole(length: number | undefined): Buffer | undefined {
    return this.#mayRelay() ? this.#take(length) : undefined
  }

  /** Makes the upstream read again, after `mayRelay` was false and became true. */
  wake(): void {
    if (this.readableFlowing === true) this.pause().resume()
    else this.emit('readable')
  }
}

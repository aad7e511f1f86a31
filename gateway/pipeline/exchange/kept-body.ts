import { Readable } from 'node:stream'
import { giveBack } from '../../base/blocks.ts'
import type { RequestStream, Trailers } from '../../upstream/target.ts'

/** Maximum size of a request body that is kept, bytes. */
export const KEPT_BODY_MAX_BYTES = 64 * 1024
/** Maximum size of all kept request bodies of the node together, bytes. */
const KEPT_BODIES_MAX_BYTES = 16 * 1024 * 1024

/** Memory for the request bodies that a node keeps to send requests again. */
export class KeptBodies {
  readonly #maxBytes: number
  /**
   * The request bodies that the node keeps.
   *
   * @bound 16 MiB of bodies for the node | the request is forwarded, but not sent again | gatehouse_kept_bodies_bytes
   */
  readonly #kept = new Set<KeptBody>()
  #bytes = 0

  constructor(maxBytes = KEPT_BODIES_MAX_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** Sum of the sizes of the kept request bodies, bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** Reserves memory for a request body of this length. @returns `undefined` when the memory is used up */
  reserve(length: number): KeptBody | undefined {
    if (this.#bytes + length > this.#maxBytes) return undefined
    this.#bytes += length
    const body = new KeptBody(length, () => {
      if (this.#kept.delete(body)) this.#bytes -= length
    })
    this.#kept.add(body)
    return body
  }
}

/** A request body that is read completely before the first attempt, and kept for further attempts. */
export class KeptBody {
  readonly #length: number
  readonly #onReleased: () => void
  #bytes: Buffer | undefined
  #trailers: Trailers | undefined

  constructor(length: number, onReleased: () => void) {
    this.#length = length
    this.#onReleased = onReleased
  }

  /**
   * Reads the whole request body into memory.
   *
   * @throws {Error} as a rejection, when the client disconnects before the end of the body
   */
  async read(body: RequestStream): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk)
    this.#bytes = Buffer.concat(chunks)
    this.#trailers = body.trailers
    for (const chunk of chunks) giveBack(chunk)
    if (this.#bytes.length !== this.#length)
      throw new Error('the request body has another length than its Content-Length')
  }

  /** Returns a stream of the kept body for one attempt to forward the request. */
  open(): RequestStream {
    return new KeptBodyStream(this.#bytes!, this.#trailers ?? [])
  }

  /** Frees the memory of the kept body. May be called more than once. */
  release(): void {
    this.#bytes = undefined
    this.#onReleased()
  }
}

class KeptBodyStream extends Readable implements RequestStream {
  readonly trailers: Trailers
  #bytes: Buffer | undefined

  constructor(bytes: Buffer, trailers: Trailers) {
    super()
    this.#bytes = bytes
    this.trailers = trailers
    // Ignore the error of the stream of a kept body: a failed upstream call destroys the stream, and reports the
    // failure itself.
    this.on('error', () => undefined)
  }

  get mayHaveTrailers(): boolean {
    return this.trailers.length > 0
  }

  takeWhole(): Buffer | undefined {
    if (this.mayHaveTrailers) return undefined
    const bytes = this.#bytes
    this.#bytes = undefined
    return bytes
  }

  override _read(): void {
    if (this.#bytes !== undefined) this.push(this.#bytes)
    this.#bytes = undefined
    this.push(null)
  }
}

import { UploadQueue } from './upload-queue.ts'

export interface QueuedMessage {
  readonly data: Uint8Array
  readonly binary: boolean
}

/** Length of the header of each message in the queue, bytes: length and kind of the message. */
const HEAD_BYTES = 5
const empty = Buffer.alloc(0)

/**
 * FIFO queue of WebSocket messages of a client, which the service does not read yet. Has the memory limits of uploads;
 * beyond them the messages are stored in a temporary file.
 *
 * @bound owner
 */
export class MessageQueue {
  readonly #stored = new UploadQueue()
  /** Bytes that were taken from the file queue `#stored` and belong to the next messages. */
  #unread: Buffer = empty
  /** Size of the queued WebSocket messages, bytes. */
  bytes = 0

  get empty(): boolean {
    return this.bytes === 0
  }

  /** @throws {Error} when the temporary file cannot be written, for example because the disk is full */
  push(data: Uint8Array, binary: boolean): void {
    const entry = Buffer.allocUnsafe(HEAD_BYTES + data.length)
    entry.writeUInt32BE(data.length)
    entry[4] = binary ? 1 : 0
    entry.set(data, HEAD_BYTES)
    this.#stored.push(entry)
    this.bytes += entry.length
  }

  /** Removes and returns the oldest WebSocket message. The queue must not be empty. */
  shift(): QueuedMessage {
    const head = this.#take(HEAD_BYTES)
    const binary = head[4] === 1
    return { data: this.#take(head.readUInt32BE()), binary }
  }

  #take(size: number): Buffer {
    const parts = [this.#unread]
    let found = this.#unread.length
    while (found < size) {
      const part = this.#stored.shift()!
      parts.push(part)
      found += part.length
    }
    const all = parts.length === 1 ? this.#unread : Buffer.concat(parts)
    this.#unread = all.subarray(size)
    this.bytes -= size
    return all.subarray(0, size)
  }

  clear(): void {
    this.#stored.clear()
    this.#unread = empty
    this.bytes = 0
  }
}

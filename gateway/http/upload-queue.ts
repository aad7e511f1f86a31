import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BLOCK_BYTES, giveBack, takeBlock } from '../base/blocks.ts'

/**
 * Maximum memory for one upload (4 MiB) and for all uploads of this node (256 MiB). Bytes above either limit are stored
 * in a file.
 */
const UPLOAD_MAX_BYTES = 4 * 1024 * 1024
const NODE_MAX_BYTES = 256 * 1024 * 1024

let inMemory = 0

/**
 * FIFO queue of the request body bytes that were received but not yet read by the upstream. The queue is normally
 * short, because the client is paused. After a resume, however, uWebSockets.js reads as long as the sender keeps the
 * socket's buffer full, even if the client was paused again. A client on the same machine can add 100 MB in one tick.
 * Bytes above the memory limits go to an unnamed temporary file, so that a legitimate upload neither fails nor exhausts
 * the memory.
 *
 * @bound owner
 */
export class UploadQueue {
  #chunks: Buffer[] = []
  #bytes = 0
  #file: Overflow | undefined

  /** @throws {Error} when the temporary file cannot be written, for example because the disk is full */
  push(chunk: Buffer): void {
    if (
      this.#file !== undefined ||
      this.#bytes + chunk.length > UPLOAD_MAX_BYTES ||
      inMemory + chunk.length > NODE_MAX_BYTES
    ) {
      this.#file ??= new Overflow()
      this.#file.append(chunk)
      giveBack(chunk)
      return
    }
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    inMemory += chunk.length
  }

  /** Removes and returns the oldest chunk of the upload; `undefined` when the queue is empty. */
  shift(): Buffer | undefined {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#bytes -= chunk.length
      inMemory -= chunk.length
      return chunk
    }
    const stored = this.#file?.read()
    if (this.#file?.empty === true) this.#closeFile()
    return stored
  }

  /** Removes and returns the chunk of a queue with one chunk in memory; `undefined` for any other queue. */
  onlyChunk(): Buffer | undefined {
    return this.#chunks.length === 1 && this.#file === undefined ? this.shift() : undefined
  }

  get empty(): boolean {
    return this.#chunks.length === 0 && (this.#file?.empty ?? true)
  }

  clear(): void {
    inMemory -= this.#bytes
    this.#bytes = 0
    this.#chunks = []
    this.#closeFile()
  }

  #closeFile(): void {
    this.#file?.close()
    this.#file = undefined
  }
}

/**
 * FIFO queue in a temporary file. The file is unlinked right after opening, so that it disappears when the process ends
 * in any way.
 */
class Overflow {
  readonly #fd: number
  #written = 0
  #read = 0

  constructor() {
    const path = join(tmpdir(), `gatehouse-upload-${randomUUID()}`)
    this.#fd = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
  }

  get empty(): boolean {
    return this.#read === this.#written
  }

  append(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      const wrote = writeSync(this.#fd, chunk, at, chunk.length - at, this.#written)
      at += wrote
      this.#written += wrote
    }
  }

  read(): Buffer | undefined {
    if (this.empty) return undefined
    const chunk = takeBlock(Math.min(BLOCK_BYTES, this.#written - this.#read))
    const got = readSync(this.#fd, chunk, 0, chunk.length, this.#read)
    this.#read += got
    return chunk.subarray(0, got)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

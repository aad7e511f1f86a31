import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BLOCK_BYTES, giveBack, takeBlock } from '../base/blocks.ts'

/** Kept in memory for one upload, and for all of this node; what goes beyond it waits in a file. */
const UPLOAD_MAX_BYTES = 4 * 1024 * 1024
const NODE_MAX_BYTES = 256 * 1024 * 1024

let inMemory = 0

/**
 * What has come of a body and was not taken yet, in order. A pause keeps it short; but once resumed, uWebSockets.js reads
 * on for as long as a sender fills its buffer, pause or not: a neighbour on the same machine puts 100 MB here in one tick.
 * A legitimate upload must not fail for that, and must not fill the memory: it goes on in a temporary file that has no name.
 */
export class UploadQueue {
  #chunks: Buffer[] = []
  #bytes = 0
  #file: Overflow | undefined

  /** @throws {Error} when the file cannot be written: the disk is full */
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

  /** The oldest bytes; `undefined` when there are none. */
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

/** A first-in-first-out file, unlinked as soon as it is open: it ends with the process, whatever ends that. */
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

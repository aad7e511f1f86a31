import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Supervisor } from '../../gateway/base/supervisor.ts'
import { orderlyEnd } from './sealed-file.ts'
import { type Compression, compressAside, setAside, syncFolder } from './set-aside.ts'
import { faultOf, type Refused, type ShippedBatch, type Sink } from './sink.ts'

interface FileSinkDependencies {
  readonly path: string
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly compress: Compression
  /** Reports that a rotated file could not be compressed. No record is lost. */
  readonly complain: (reason: string) => void
}

/**
 * Ships into a rotating file, each batch with its seal. Records count as shipped after `fdatasync`. The file is opened
 * again for each delivery, because another worker may have written to the file or rotated it.
 */
export class FileSink implements Sink {
  readonly #dependencies: FileSinkDependencies
  /** Inode and size after this worker's last write. If both still match, the end of the file needs no check. */
  #left: { readonly file: number; readonly size: number } | undefined
  /** True at the start: an earlier worker may have left rotated files uncompressed. */
  #uncompressed = true
  readonly #task = new Supervisor('sink-files')
  #compressing: Promise<void> | undefined

  constructor(dependencies: FileSinkDependencies) {
    this.#dependencies = dependencies
  }

  async send(batches: readonly ShippedBatch[]): Promise<readonly Refused[]> {
    const pending = batches.map((batch) => Buffer.from(textOf(batch)))
    try {
      while (pending.length > 0) await this.#append(pending)
    } catch (error) {
      throw faultOf(error)
    }
    return []
  }

  async close(): Promise<void> {
    await this.#compressing
  }

  /** Appends batches from the front of `pending` until the file is full; at least one batch. */
  async #append(pending: Buffer[]): Promise<void> {
    const file = await this.#open(pending[0]!.length)
    try {
      this.#left = undefined
      let { size, ino } = await file.stat()
      const texts: Buffer[] = []
      do {
        size += pending[0]!.length
        texts.push(pending.shift()!)
      } while (pending.length > 0 && size + pending[0]!.length <= this.#dependencies.maxBytes)
      await file.appendFile(Buffer.concat(texts))
      await file.datasync()
      this.#left = { file: ino, size }
    } finally {
      await file.close()
    }
  }

  async #open(bytes: number): Promise<FileHandle> {
    const { path, maxBytes, maxAgeMs } = this.#dependencies
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    for (;;) {
      const file = await open(path, 'a+', 0o600)
      try {
        const { size, birthtimeMs, ino } = await file.stat()
        if (size === 0) await syncFolder(dirname(path))
        const kept = this.#left?.file === ino && this.#left.size === size ? size : await orderlyEnd(file, size)
        if (kept < size) await file.truncate(kept)
        if (kept === 0 || (kept + bytes <= maxBytes && Date.now() - birthtimeMs < maxAgeMs)) {
          this.#compress()
          return file
        }
      } catch (error) {
        await file.close()
        throw error
      }
      await file.close()
      await setAside(path)
      this.#uncompressed = true
    }
  }

  #compress(): void {
    const { path, compress, complain } = this.#dependencies
    if (compress === 'none' || !this.#uncompressed || this.#compressing !== undefined) return
    this.#uncompressed = false
    this.#compressing = this.#task
      .attempt(() => compressAside(path, compress).catch((error) => complain(faultOf(error).message)))
      .then(() => {
        this.#compressing = undefined
      })
  }
}

function textOf({ records, seal }: ShippedBatch): string {
  const lines = records.map(({ line }) => `${line}\n`).join('')
  return seal === undefined ? lines : `${lines}${seal}\n`
}

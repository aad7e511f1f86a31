import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { Supervisor } from '../../base/supervisor.ts'
import { duration, size } from '../text-schemas.ts'
import { endOfSealedFile } from './sealed-file.ts'
import { type Compression, compressAside, setAside, syncFolder } from './set-aside.ts'
import { faultOf, type RejectedRecord, type ShippedBatch, type Sink } from './sink.ts'
import { sinkKind } from './sink-kind.ts'
import { restart, sinkType } from './sink-members.ts'

const schema = z
  .strictObject({
    type: sinkType('file'),
    path: z
      .string()
      .min(1)
      .describe(
        'File with one JSON record per line, and the seals that `gatehouse audit verify` checks. Relative to the folder ' +
          'of the settings file. A missing folder is created. Workers that share the file must run on one machine.',
      )
      .meta(restart),
    max_size: size({ min: '64KiB', max: '1024GiB' })
      .prefault('256MiB')
      .describe(
        'Maximum size of the file. A file that would grow larger is rotated: renamed with the time. Default 256MiB.',
      )
      .meta(restart),
    max_age: duration({ min: '1s', max: '3650d' })
      .prefault('1d')
      .describe('Maximum age of the file. An older file is rotated. Rotated files are never deleted. Default 1d.')
      .meta(restart),
    compress: z
      .enum(['none', 'gzip', 'zstd'])
      .prefault('none')
      .describe('Compression of rotated files. Default none.')
      .meta(restart),
  })
  .describe('`type: file`: a rotating NDJSON file. Records count as shipped once they are on disk.')

interface FileSinkDependencies {
  readonly path: string
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly compress: Compression
  /** Called with the reason when a rotated audit file cannot be compressed. No audit record is lost. */
  readonly compressionFailed: (reason: string) => void
  readonly isSealLine: (line: string) => boolean
}

/**
 * Writes audit records to a rotating file, each batch with its seal. Records count as delivered after `fdatasync`. Each
 * delivery opens the file again, because another worker may have written to the file or rotated it.
 */
class FileSink implements Sink {
  readonly #dependencies: FileSinkDependencies
  /**
   * Inode and size of the audit file after this worker's last write. If the file still has this inode and size, no
   * other process has written to it, and the check of its end is skipped.
   */
  #lastWrite: { readonly file: number; readonly size: number } | undefined
  /**
   * True while uncompressed rotated audit files may exist. True at the start, because an earlier worker may have left
   * such files.
   */
  #uncompressed = true
  readonly #task = new Supervisor('sink-files')
  #compressing: Promise<void> | undefined

  constructor(dependencies: FileSinkDependencies) {
    this.#dependencies = dependencies
  }

  async send(batches: readonly ShippedBatch[]): Promise<readonly RejectedRecord[]> {
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

  /**
   * Takes batches from the front of `pending` and appends them to the audit file until the file is full; at least one
   * batch.
   */
  async #append(pending: Buffer[]): Promise<void> {
    const file = await this.#open(pending[0]!.length)
    try {
      this.#lastWrite = undefined
      let { size, ino } = await file.stat()
      const texts: Buffer[] = []
      do {
        size += pending[0]!.length
        texts.push(pending.shift()!)
      } while (pending.length > 0 && size + pending[0]!.length <= this.#dependencies.maxBytes)
      await file.appendFile(Buffer.concat(texts))
      await file.datasync()
      this.#lastWrite = { file: ino, size }
    } finally {
      await file.close()
    }
  }

  async #open(bytes: number): Promise<FileHandle> {
    const { path, maxBytes, maxAgeMs, isSealLine } = this.#dependencies
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    for (;;) {
      const file = await open(path, 'a+', 0o600)
      try {
        const { size, birthtimeMs, ino } = await file.stat()
        if (size === 0) await syncFolder(dirname(path))
        const kept =
          this.#lastWrite?.file === ino && this.#lastWrite.size === size
            ? size
            : await endOfSealedFile(file, size, isSealLine)
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
    const { path, compress, compressionFailed } = this.#dependencies
    if (compress === 'none' || !this.#uncompressed || this.#compressing !== undefined) return
    this.#uncompressed = false
    this.#compressing = this.#task
      .attempt(() => compressAside(path, compress).catch((error) => compressionFailed(faultOf(error).message)))
      .then(() => {
        this.#compressing = undefined
      })
  }
}

function textOf({ records, seal }: ShippedBatch): string {
  const lines = records.map(({ line }) => `${line}\n`).join('')
  return seal === undefined ? lines : `${lines}${seal}\n`
}

/** Audit sink `file`: a rotating file on the machine of the worker. */
export const file = sinkKind({
  type: 'file',
  schema,
  file: ({ path }) => path,
  open: (entry, resources) =>
    new FileSink({
      path: resources.path(entry.path),
      maxBytes: entry.max_size,
      maxAgeMs: entry.max_age,
      compress: entry.compress,
      compressionFailed: (reason) => resources.warn('a rotated audit file cannot be compressed', { reason }),
      isSealLine: resources.isSealLine,
    }),
})

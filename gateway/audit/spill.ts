import { closeSync, fdatasyncSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { type FileHandle, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Batch, packedLine, readSealLine } from './batch.ts'
import { own, stillOwns } from './folder-owner.ts'

/**
 * Size of a spill file at which the next file is started, bytes. A file is deleted when all its batches were written to
 * Redis.
 */
const SEGMENT_BYTES = 4 * 1024 * 1024

const segmentName = /^([0-9]{12})[.]spill$/

/** A spill file with one audit batch per line. */
interface Segment {
  readonly path: string
  bytes: number
  /** Time at which the spill file was started, ms since the epoch. */
  readonly begunMs: number
}

/** Audit batches of the oldest spill file, and the number of batches that were already written to Redis. */
interface Reading {
  readonly segment: Segment
  readonly batches: readonly Batch[]
  next: number
}

/**
 * Stores batches that could not be written to Redis in files on the node's disk (spill files), in order. Files are
 * append-only, and a file is deleted when all its batches were removed by `shift`. Batches in files of earlier runs of
 * the node are returned first. After a crash some batches may be returned again.
 */
export class Spill {
  readonly #folder: string
  readonly #maxBytes: number
  readonly #segments: Segment[]
  #number: number
  #writer: FileHandle | undefined
  #reading: Reading | undefined
  /** Total number of lines in spill files that could not be read. */
  unreadable = 0

  /**
   * @param maxBytes  maximum size of all spill files together, bytes
   * @throws {Error} when the folder cannot be created or written to, or another process uses the folder
   */
  constructor(folder: string, maxBytes: number) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    own(folder)
    this.#folder = folder
    this.#maxBytes = maxBytes
    const names = readdirSync(folder).filter((name) => segmentName.test(name))
    this.#segments = names.sort().map((name) => {
      const path = join(folder, name)
      const { size, mtimeMs } = statSync(path)
      return { path, bytes: size, begunMs: mtimeMs }
    })
    this.#number = Number(names.at(-1)?.slice(0, 12) ?? 0)
  }

  /** Size of all spill files, bytes. Batches that were moved to Redis count until their file is deleted. */
  get bytes(): number {
    let bytes = 0
    for (const segment of this.#segments) bytes += segment.bytes
    return bytes
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  get empty(): boolean {
    return this.#segments.length === 0
  }

  /** Time at which the oldest file was started, ms since the epoch; `undefined` when the spill is empty. */
  get oldestMs(): number | undefined {
    return this.#segments[0]?.begunMs
  }

  /**
   * Appends audit batches to the spill files, after all stored batches. The batches are synced to disk when the promise
   * resolves.
   *
   * @throws {Error} when the limit is reached, the disk fails or another process took the folder; none of the batches
   *   is stored in this case
   */
  async append(batches: readonly Batch[]): Promise<void> {
    const bytes = Buffer.from(batches.map((batch) => `${packedLine(batch)}\n`).join(''))
    this.#requireOwn()
    if (this.bytes + bytes.length > this.#maxBytes)
      throw new Error(`the spill files have reached audit.spill.max (${this.#maxBytes} bytes)`)
    this.#writer ??= await this.#begin()
    const segment = this.#segments.at(-1)!
    try {
      await this.#writer.appendFile(bytes)
      await this.#writer.datasync()
    } catch (error) {
      // Remove a partly written line from the spill file, because it would corrupt the next appended line.
      await this.#writer.truncate(segment.bytes).catch(() => undefined)
      await this.#endWriting()
      if (segment.bytes === 0) await this.#remove(segment)
      throw error
    }
    segment.bytes += bytes.length
    if (segment.bytes >= SEGMENT_BYTES) await this.#endWriting()
  }

  /**
   * Appends audit batches to the spill files synchronously, for a process that is about to end.
   *
   * @throws {Error} when the disk fails; a part of the batches may be stored in this case
   */
  appendSync(batches: readonly Batch[]): void {
    const file = openSync(this.#nextPath(), 'ax', 0o600)
    writeSync(file, batches.map((batch) => `${packedLine(batch)}\n`).join(''))
    fdatasyncSync(file)
    closeSync(file)
  }

  /**
   * Returns the oldest audit batch, which stays in the spill until `shift` is called; `undefined` when the spill is
   * empty.
   *
   * @throws {Error} when another process took the folder, or the disk fails
   */
  async first(): Promise<Batch | undefined> {
    for (;;) {
      const reading = this.#reading
      if (reading !== undefined && reading.next < reading.batches.length) return reading.batches[reading.next]
      if (!this.empty) this.#requireOwn()
      if (reading !== undefined) await this.#remove(reading.segment)
      const segment = this.#segments[0]
      if (segment === undefined) return undefined
      // Ends this spill file for writing: further batches go to a new file, because a file that is being read gets no
      // more batches.
      if (this.#segments.length === 1) await this.#endWriting()
      this.#reading = { segment, batches: await this.#read(segment), next: 0 }
    }
  }

  /** Removes the oldest audit batch from the spill, after the batch was written to Redis. */
  shift(): void {
    this.#reading!.next++
  }

  /**
   * Requires that this process still owns the spill folder. Processes in different containers cannot see each other:
   * the latest process owns the folder, and the earlier process must stop writing.
   */
  #requireOwn(): void {
    if (!stillOwns(this.#folder)) throw new Error('another process has taken over the spill folder (audit.spill)')
  }

  async close(): Promise<void> {
    await this.#endWriting()
  }

  async #begin(): Promise<FileHandle> {
    const path = this.#nextPath()
    const writer = await open(path, 'ax', 0o600)
    this.#segments.push({ path, bytes: 0, begunMs: Date.now() })
    return writer
  }

  #nextPath(): string {
    return join(this.#folder, `${String(++this.#number).padStart(12, '0')}.spill`)
  }

  async #endWriting(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    await writer?.close()
  }

  async #read({ path }: Segment): Promise<Batch[]> {
    const batches: Batch[] = []
    for (const line of (await readFile(path, 'utf8')).split('\n')) {
      if (line === '') continue
      const read = readSealLine(line)
      // A crash may have cut off the last line of the spill file. The verification of the audit chain shows which
      // records are missing.
      if (read?.packed === undefined) this.unreadable++
      else batches.push({ seal: read.seal, packed: read.packed })
    }
    return batches
  }

  async #remove(segment: Segment): Promise<void> {
    this.#reading = undefined
    const at = this.#segments.indexOf(segment)
    if (at >= 0) this.#segments.splice(at, 1)
    await unlink(segment.path).catch(() => undefined)
  }
}

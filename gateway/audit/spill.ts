import { closeSync, fdatasyncSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { type FileHandle, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Batch, packedLine, readSealLine } from './batch.ts'
import { own, stillOwns } from './folder-owner.ts'

/** What has been shipped is deleted by whole files. */
const SEGMENT_BYTES = 4 * 1024 * 1024

const segmentName = /^([0-9]{12})[.]spill$/

/** A file of batches, one a line. */
interface Segment {
  readonly path: string
  bytes: number
  /** When it was begun, ms since the epoch. */
  readonly begunMs: number
}

/** The batches of the oldest file, and how many of them are shipped. */
interface Reading {
  readonly segment: Segment
  readonly batches: readonly Batch[]
  next: number
}

/**
 * Batches that could not be handed over, in order, on the disk of the node. Files are only appended to, and deleted when
 * all of their batches have been taken out; those of earlier runs of the node come first. After a crash some batches may
 * come out once more.
 */
export class Spill {
  readonly #folder: string
  readonly #maxBytes: number
  readonly #segments: Segment[]
  #number: number
  #writer: FileHandle | undefined
  #reading: Reading | undefined
  /** Lines that could not be read back, so far. */
  unreadable = 0

  /**
   * @param maxBytes  of all files together
   * @throws {Error} when the folder cannot be made or written to, or is another process's
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

  /** On disk, those of shipped batches included until their file is deleted. */
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

  /** When the oldest file was begun, ms since the epoch; `undefined` when empty. */
  get oldestMs(): number | undefined {
    return this.#segments[0]?.begunMs
  }

  /**
   * Writes batches behind all others; they are on the disk when it resolves.
   *
   * @throws {Error} when there is no room, the disk fails or the folder is another's: then none of them is there
   */
  async append(batches: readonly Batch[]): Promise<void> {
    const bytes = Buffer.from(batches.map((batch) => `${packedLine(batch)}\n`).join(''))
    this.#requireOwn()
    if (this.bytes + bytes.length > this.#maxBytes) throw new Error(`is full (${this.#maxBytes} bytes)`)
    this.#writer ??= await this.#begin()
    const segment = this.#segments.at(-1)!
    try {
      await this.#writer.appendFile(bytes)
      await this.#writer.datasync()
    } catch (error) {
      // A part of a line would hide the one that is written behind it.
      await this.#writer.truncate(segment.bytes).catch(() => undefined)
      await this.#endWriting()
      if (segment.bytes === 0) await this.#remove(segment)
      throw error
    }
    segment.bytes += bytes.length
    if (segment.bytes >= SEGMENT_BYTES) await this.#endWriting()
  }

  /** The same for a process that is about to end. @throws {Error} when the disk fails; a part may be there then */
  appendSync(batches: readonly Batch[]): void {
    const file = openSync(this.#nextPath(), 'ax', 0o600)
    writeSync(file, batches.map((batch) => `${packedLine(batch)}\n`).join(''))
    fdatasyncSync(file)
    closeSync(file)
  }

  /** The oldest batch, which stays until `shift`; `undefined` when there is none. @throws {Error} as `append` does */
  async first(): Promise<Batch | undefined> {
    for (;;) {
      const reading = this.#reading
      if (reading !== undefined && reading.next < reading.batches.length) return reading.batches[reading.next]
      if (!this.empty) this.#requireOwn()
      if (reading !== undefined) await this.#remove(reading.segment)
      const segment = this.#segments[0]
      if (segment === undefined) return undefined
      // What is read is not written to any more.
      if (this.#segments.length === 1) await this.#endWriting()
      this.#reading = { segment, batches: await this.#read(segment), next: 0 }
    }
  }

  /** Takes the oldest batch out: it has been handed over. */
  shift(): void {
    this.#reading!.next++
  }

  /** Two containers do not see each other's processes: whoever came last has the folder, and whoever had it stops. */
  #requireOwn(): void {
    if (!stillOwns(this.#folder)) throw new Error('the folder is not this process’s any more')
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
      // The end of a file that a crash cut off, or worse: what is missing then, the chain shows.
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

import { write, writeSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

const FLUSH_BYTES = 64 * 1024
const FLUSH_MS = 100
const FLUSH_TRIES = 50
const FLUSH_WAIT_MS = 5
const END_MS = 2000
const AGAIN_MS = 10
const TROUBLE_MS = 1000

/**
 * Writes log lines to a file descriptor in batches. A line costs one append to a string. The writer calls the kernel
 * every 100 ms or 64 KiB. If the reader of the log does not read, lines beyond `maxPendingBytes` (default 16 MiB) are
 * dropped and counted. A log line with the number of dropped lines follows when there is room. So the log never blocks
 * traffic. Lines that are discarded because the reader closed the pipe are not counted.
 */
export class LineWriter {
  readonly #fd: number
  readonly #maxPendingBytes: number
  #pending = ''
  #dropped = 0
  #lost = 0
  #complained = false
  #writing: Buffer | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(fd: number, maxPendingBytes = 16 * 1024 * 1024) {
    this.#fd = fd
    this.#maxPendingBytes = maxPendingBytes
  }

  /** Number of log lines dropped since the process started. */
  get lost(): number {
    return this.#lost
  }

  /**
   * Adds a line to the log.
   *
   * @param line  text of the line, without a line feed
   */
  line(line: string): void {
    if (this.#pending.length > this.#maxPendingBytes) {
      this.#dropped++
      this.#lost++
      return
    }
    this.#pending += line
    this.#pending += '\n'
    if (this.#pending.length >= FLUSH_BYTES) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#writing !== undefined || this.#pending === '') return
    this.#writing = this.#take()
    this.#writeRest()
  }

  #take(): Buffer {
    const lost = this.#dropped
    this.#dropped = 0
    const text =
      lost === 0 ? this.#pending : `${this.#pending}{"level":"error","msg":"log lines lost","count":${lost}}\n`
    this.#pending = ''
    return Buffer.from(text)
  }

  /** Reports on standard error, once, that the log cannot be written. */
  #complain(code: string): void {
    if (this.#complained) return
    this.#complained = true
    process.stderr.write(`gatehouse: the log cannot be written (${code}); requests are still served\n`)
  }

  #writeRest(): void {
    write(this.#fd, this.#writing!, (error, written) => {
      const code = (error as NodeJS.ErrnoException | null)?.code
      if (code === 'EAGAIN') {
        setTimeout(() => this.#writeRest(), AGAIN_MS)
        return
      }
      if (error !== null) this.#complain(code ?? 'unknown')
      if (error !== null && code !== 'EPIPE') {
        // Keep the pending lines in memory up to the limit, and retry the write: the disk may be full only for a time.
        setTimeout(() => this.#writeRest(), TROUBLE_MS).unref()
        return
      }
      // The reader closed the pipe (EPIPE): discard the batch, so that traffic continues.
      const rest = error === null ? this.#writing!.subarray(written) : Buffer.alloc(0)
      this.#writing = rest.length > 0 ? rest : undefined
      if (this.#writing !== undefined) this.#writeRest()
      else if (this.#pending !== '') this.#flush()
    })
  }

  /**
   * Returns a promise that resolves when the kernel has accepted every line so far, or after 2 s. Used at an orderly
   * shutdown.
   */
  async end(): Promise<void> {
    const deadlineAt = performance.now() + END_MS
    this.#flush()
    while ((this.#writing !== undefined || this.#pending !== '') && performance.now() < deadlineAt) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      this.#flush()
    }
  }

  /** Writes pending lines synchronously before a crash ends the process. Ignores a batch that is being written. */
  flushSync(): void {
    if (this.#pending === '') return
    let rest = this.#take()
    // A full pipe accepts only a part of the text, or nothing (EAGAIN). Try up to 50 times, because the pending lines
    // may contain the cause of the crash.
    for (let tries = 0; rest.length > 0 && tries < FLUSH_TRIES; tries++) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FLUSH_WAIT_MS)
      }
    }
  }
}

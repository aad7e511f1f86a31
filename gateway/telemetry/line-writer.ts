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
 * Writes lines to a file descriptor in batches: a line costs an append to a string, the kernel is asked at most every
 * 100 ms or 64 KiB. Bounded: while the reader of the pipe does not read, lines beyond `maxPendingBytes` are dropped and
 * counted, and the count is written once there is room, so that a log never holds up traffic and never loses silently.
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

  /** Lines that were dropped so far. */
  get lost(): number {
    return this.#lost
  }

  /** @param line  without its line feed */
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

  /** Once: where the log itself cannot say it. */
  #complain(code: string): void {
    if (this.#complained) return
    this.#complained = true
    process.stderr.write(`gatehouse: the log cannot be written (${code}); traffic goes on\n`)
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
        // A full disk is emptied some day: what waits is kept, within the bound, and goes on where it stopped.
        setTimeout(() => this.#writeRest(), TROUBLE_MS).unref()
        return
      }
      // Nobody reads any more (EPIPE): there is no one left to tell, and traffic goes on.
      const rest = error === null ? this.#writing!.subarray(written) : Buffer.alloc(0)
      this.#writing = rest.length > 0 ? rest : undefined
      if (this.#writing !== undefined) this.#writeRest()
      else if (this.#pending !== '') this.#flush()
    })
  }

  /** Resolves when every line so far is with the kernel: the end of an orderly stop, which no reader may hold up. */
  async end(): Promise<void> {
    const deadlineAt = performance.now() + END_MS
    this.#flush()
    while ((this.#writing !== undefined || this.#pending !== '') && performance.now() < deadlineAt) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      this.#flush()
    }
  }

  /** Writes what is pending before a crash ends the process; a batch under way is left to the kernel. */
  flushSync(): void {
    if (this.#pending === '') return
    let rest = this.#take()
    // A pipe takes what it has room for, or nothing (EAGAIN): a few tries are worth it, since this is why it crashed.
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

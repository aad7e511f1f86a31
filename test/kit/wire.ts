import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { until } from './until.ts'

/** State of a connection: open; ended by the peer's FIN; reset, or closed without a FIN. */
export type Ending = 'open' | 'ended' | 'reset'

export type Bytes = string | Buffer

/** Default limit of the time that a call waits, ms. */
export const defaultLimitMs = 40_000
const maxHeldBytes = 128 * 1024 * 1024

const bytesOf = (text: Bytes) => (typeof text === 'string' ? Buffer.from(text, 'latin1') : text)

/**
 * One end of a TCP connection. It reads only the bytes that the caller requests, so that a caller who does not read
 * causes backpressure at the peer. Each call throws after a time limit.
 */
export class Wire {
  readonly #socket: Socket
  readonly #seen: (chunk: Buffer) => void
  #held: Buffer[] = []
  #heldBytes = 0
  #ending: Ending = 'open'
  #wake: () => void = () => {}

  /** @param seen  called with each chunk when it is read */
  constructor(socket: Socket, seen: (chunk: Buffer) => void = () => {}) {
    this.#socket = socket
    this.#seen = seen
    socket.setNoDelay(true)
    socket.on('readable', () => this.#wake())
    socket.on('end', () => this.#over('ended'))
    socket.on('error', () => this.#over('reset'))
    socket.on('close', () => this.#over('reset'))
  }

  get ending(): Ending {
    return this.#ending
  }

  /**
   * Writes the bytes unchanged; text is Latin-1. A list is sent in pieces, each in its own segment if the kernel
   * permits.
   *
   * @param gapMs  pause between the pieces, ms
   */
  async send(bytes: Bytes | readonly Bytes[], gapMs = 5): Promise<void> {
    const pieces = typeof bytes === 'string' || Buffer.isBuffer(bytes) ? [bytes] : bytes
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) {
        await sleep(gapMs)
        // Lets received bytes be read first: a write to a peer that has reset the connection would discard them.
        await turn()
      }
      // A closed connection is no error of a write; `ending` reports it to readers.
      if (this.#socket.writable) this.#socket.write(bytesOf(piece))
    }
  }

  /** Waits for at least one byte. @returns false when the connection ended without one */
  async some(limitMs = defaultLimitMs): Promise<boolean> {
    await this.#fill(() => this.#heldBytes > 0, 'a byte', limitMs)
    return this.#heldBytes > 0
  }

  /** Returns exactly `count` bytes; fewer only when the connection ended first. */
  async take(count: number, limitMs = defaultLimitMs): Promise<Buffer> {
    await this.#fill(() => this.#heldBytes >= count, `${count} bytes`, limitMs)
    return this.#give(count)
  }

  /** Returns all bytes up to and including the marker; without the marker only when the connection ended first. */
  async until(marker: string, limitMs = defaultLimitMs): Promise<Buffer> {
    await this.#fill(() => this.#joined().includes(marker), JSON.stringify(marker), limitMs)
    const at = this.#joined().indexOf(marker)
    return this.#give(at < 0 ? this.#heldBytes : at + marker.length)
  }

  /**
   * Returns all bytes until the connection ends, which must happen within `limitMs`. `ending` then says how it ended.
   */
  async rest(limitMs = defaultLimitMs): Promise<Buffer> {
    await this.#fill(() => false, 'the end of the connection', limitMs)
    return this.#give(this.#heldBytes)
  }

  /** Returns true when the peer neither sends nor closes for `forMs` milliseconds. */
  async quiet(forMs: number): Promise<boolean> {
    return this.#heldBytes === 0 && (await this.#pull(performance.now() + forMs)) === 'late'
  }

  /**
   * Waits until the peer, a process on this machine, has read all sent bytes, because a later reset would discard
   * unread bytes.
   */
  async taken(): Promise<void> {
    const { localPort = 0, remotePort = 0 } = this.#socket
    await until('the peer reads', () => this.#socket.writableLength === 0 && unreadBytes(localPort, remotePort) === 0)
  }

  /** Sends a FIN; bytes of the peer can still be read. */
  finish(): void {
    this.#socket.end()
  }

  /** Resets the connection (TCP RST). */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Reads until `enough` returns true or the connection has ended. */
  async #fill(enough: () => boolean, what: string, limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs
    while (!enough()) {
      const outcome = await this.#pull(deadline)
      if (outcome === 'over') return
      if (outcome === 'late') throw new Error(`waited ${limitMs} ms for ${what}; so far came ${this.#shown()}`)
      if (this.#heldBytes > maxHeldBytes) throw new Error(`${maxHeldBytes} bytes came, and not yet ${what}`)
    }
  }

  async #pull(deadline: number): Promise<'more' | 'over' | 'late'> {
    for (;;) {
      const chunk = this.#socket.read() as Buffer | null
      if (chunk !== null) {
        this.#held.push(chunk)
        this.#heldBytes += chunk.length
        this.#seen(chunk)
        return 'more'
      }
      if (this.#ending !== 'open') return 'over'
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return 'late'
      await this.#news(leftMs)
    }
  }

  #news(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #over(ending: Ending): void {
    if (this.#ending === 'open') this.#ending = ending
    this.#wake()
  }

  #joined(): Buffer {
    if (this.#held.length > 1) this.#held = [Buffer.concat(this.#held)]
    return this.#held[0] ?? Buffer.alloc(0)
  }

  #give(count: number): Buffer {
    const all = this.#joined()
    const given = all.subarray(0, count)
    this.#held = [all.subarray(given.length)]
    this.#heldBytes -= given.length
    return given
  }

  #shown(): string {
    return JSON.stringify(this.#joined().toString('latin1', 0, 500))
  }
}

/**
 * Number of bytes of an IPv4 connection that the peer has not read, in flight or in kernel buffers: see
 * proc_pid_net(5), `tcp`.
 */
function unreadBytes(from: number, to: number): number {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')
  const line = (local: number, remote: number) =>
    new RegExp(`:${hex(local)} [0-9A-F]{8}:${hex(remote)} .. ([0-9A-F]{8}):([0-9A-F]{8}) `)
  const table = readFileSync('/proc/net/tcp', 'latin1')
  const [, sending = '0'] = line(from, to).exec(table) ?? []
  const [, , unread = '0'] = line(to, from).exec(table) ?? []
  return Number.parseInt(sending, 16) + Number.parseInt(unread, 16)
}

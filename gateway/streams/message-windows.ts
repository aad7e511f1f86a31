import type { MessageLimit } from '../base/message-limit.ts'

/** Number of parts of a window. A window is longer by one part at most, so that the limit holds for every interval. */
const PARTS = 16
/** Maximum number of windows that are kept without a stream, so that a new connection does not start a new window. */
const UNUSED_MAX = 10_000

/** Counts messages in a sliding window. */
class MessageWindow {
  readonly #most: number
  readonly #windowMs: number
  readonly #partMs: number
  readonly #counts = new Uint32Array(PARTS + 1)
  /** Number of the current part of the window. */
  #part = 0
  #sum = 0
  /** Time until which messages are late, monotonic, ms. */
  #lateUntil = Number.NEGATIVE_INFINITY
  streams = 0

  constructor({ messages, windowMs }: MessageLimit) {
    this.#most = messages
    this.#windowMs = windowMs
    this.#partMs = windowMs / PARTS
  }

  /** @returns whether one more message may be counted now */
  #hasRoom(now: number): boolean {
    const part = Math.floor(now / this.#partMs)
    const passed = Math.min(part - this.#part, this.#counts.length)
    for (let i = 1; i <= passed; i++) {
      const at = (this.#part + i) % this.#counts.length
      this.#sum -= this.#counts[at]!
      this.#counts[at] = 0
    }
    if (passed > 0) this.#part = part
    return this.#sum < this.#most
  }

  take(now: number): boolean {
    if (!this.#hasRoom(now)) return false
    this.#counts[this.#part % this.#counts.length]!++
    this.#sum++
    return true
  }

  noteDelay(now: number): void {
    this.#lateUntil = now + this.#windowMs
  }

  mustWait(now: number): boolean {
    if (now >= this.#lateUntil || this.#hasRoom(now)) return false
    this.noteDelay(now)
    return true
  }
}

/** The windows of one stream, one for each limit of its route. */
export interface MessageMeter {
  /**
   * Counts one message.
   *
   * @param now  monotonic, ms
   * @returns the limit that is exceeded; then the message is not counted in the limits after it
   */
  take(now: number): MessageLimit | undefined
  /**
   * Notes that the gate delayed messages of the subject. They arrive together now, although the client sent them one
   * after another. Until no message had to wait for as long as the window, messages wait for the limit instead of
   * exceeding it.
   */
  noteDelay(now: number): void
  /** Whether the next message is late and must wait for a limit. */
  mustWait(now: number): boolean
  close(): void
}

/** Windows of all subjects that have sent messages to this node. */
export class MessageWindows {
  readonly #windows = new Map<string, MessageWindow>()
  /** Keys of windows without a stream, the oldest first. */
  readonly #unused = new Set<string>()

  /** @param subject  key of the subject with its issuer */
  open(limits: readonly MessageLimit[], subject: string): MessageMeter {
    const keys = limits.map(({ label, messages, windowMs }) => `${label}\0${messages}\0${windowMs}\0${subject}`)
    const windows = limits.map((limit, i) => this.#take(keys[i]!, limit))
    return {
      take: (now) => limits[windows.findIndex((window) => !window.take(now))],
      noteDelay: (now) => {
        for (const window of windows) window.noteDelay(now)
      },
      mustWait: (now) => windows.some((window) => window.mustWait(now)),
      close: () => {
        for (const [i, window] of windows.entries()) if (--window.streams === 0) this.#keep(keys[i]!)
      },
    }
  }

  #take(key: string, limit: MessageLimit): MessageWindow {
    const window = this.#windows.get(key) ?? new MessageWindow(limit)
    this.#windows.set(key, window)
    this.#unused.delete(key)
    window.streams++
    return window
  }

  #keep(key: string): void {
    this.#unused.add(key)
    if (this.#unused.size <= UNUSED_MAX) return
    const [oldest] = this.#unused
    this.#unused.delete(oldest!)
    this.#windows.delete(oldest!)
  }
}

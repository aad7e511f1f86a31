import type { MessageLimit } from '../base/message-limit.ts'

/**
 * Number of parts into which the window of a message limit is divided. The counted time is up to one part longer than
 * the window, so that no interval of the window's length exceeds the limit.
 */
const PARTS = 16
/**
 * Maximum number of message windows that are kept although no stream uses them. They are kept so that a client cannot
 * start a new window by reconnecting.
 */
const UNUSED_MAX = 10_000

/** Counts WebSocket messages in a sliding window. */
class MessageWindow {
  readonly #most: number
  readonly #windowMs: number
  readonly #partMs: number
  readonly #counts = new Uint32Array(PARTS + 1)
  /** Number of the current part of the message window. */
  #part = 0
  #sum = 0
  /**
   * Until this time, messages that exceed the limit wait instead, because the gate itself delayed earlier messages;
   * monotonic, ms.
   */
  #lateUntil = Number.NEGATIVE_INFINITY
  streams = 0

  constructor({ messages, windowMs }: MessageLimit) {
    this.#most = messages
    this.#windowMs = windowMs
    this.#partMs = windowMs / PARTS
  }

  /** Moves the message window to the current time. @returns whether one more message is within the limit */
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

/** Message windows of one stream: one window for each message limit of its route. */
export interface MessageMeter {
  /**
   * Counts one WebSocket message.
   *
   * @param now  monotonic, ms
   * @returns the first limit that the message exceeds; `undefined` for none. The limits after it do not count the
   *   message
   */
  take(now: number): MessageLimit | undefined
  /**
   * Records that the gate has delayed messages of the subject. They then arrive together, although the client sent them
   * one after another. So messages above a limit wait instead of ending the stream, until no message had to wait for
   * the length of the window.
   */
  noteDelay(now: number): void
  /**
   * Whether the next message must wait for a limit, because the gate has delayed earlier messages and the limit is
   * reached.
   */
  mustWait(now: number): boolean
  close(): void
}

/** Message windows of all subjects that have sent messages to this node. */
export class MessageWindows {
  /**
   * Message windows by subject and limit.
   *
   * @bound a few for each open stream, and 10,000 that no stream uses | the oldest unused window is forgotten | none
   */
  readonly #windows = new Map<string, MessageWindow>()
  /**
   * Keys of message windows that no stream uses, the oldest first.
   *
   * @bound {@link UNUSED_MAX} windows | the oldest is forgotten | none
   */
  readonly #unused = new Set<string>()

  /** Opens the message windows of a stream. @param subject  key of the subject with its issuer */
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

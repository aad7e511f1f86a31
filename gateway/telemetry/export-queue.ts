import { Supervisor } from '../base/supervisor.ts'
import type { Delivery } from './delivery.ts'

/** Receives the batches of a queue. Settles each batch exactly once, within its own deadline. */
export interface BatchExporter<Item> {
  /** @throws {Error} as a rejection, when the receiver did not accept the batch */
  send(batch: readonly Item[]): Promise<void>
  close(): Promise<void>
}

const WAITING_MAX = 8192
const BATCH_MAX = 512
const DELAY_MS = 1000
const CLOSE_MS = 2000

/**
 * Bounded queue that sends items in batches of up to 512, one batch at a time. When 8192 items wait, further items are
 * dropped and counted. Callers never wait.
 */
export class ExportQueue<Item> {
  readonly #exporter: BatchExporter<Item>
  readonly #delivery: Delivery
  #waiting: Item[] = []
  #sending: Promise<void> | undefined
  readonly #task = new Supervisor('telemetry-export')
  /** Cancels the next flush. */
  #timer: (() => void) | undefined

  constructor(exporter: BatchExporter<Item>, delivery: Delivery) {
    this.#exporter = exporter
    this.#delivery = delivery
  }

  add(item: Item): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#delivery.dropped(1)
      return
    }
    this.#waiting.push(item)
    if (this.#sending !== undefined) return
    if (this.#waiting.length >= BATCH_MAX) this.#flush()
    else this.#timer ??= this.#task.after(DELAY_MS, () => this.#flush())
  }

  /** Sends the waiting items and closes the exporter. Takes at most 2 s; items left after that are lost. */
  async close(): Promise<void> {
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref())
    await Promise.race([this.#sendAll(), deadline])
    await Promise.race([this.#exporter.close().catch(() => {}), deadline])
  }

  async #sendAll(): Promise<void> {
    await this.#sending
    while (this.#waiting.length > 0) {
      this.#flush()
      await this.#sending
    }
  }

  #flush(): void {
    this.#timer?.()
    this.#timer = undefined
    if (this.#sending !== undefined || this.#waiting.length === 0) return
    const batch = this.#waiting.slice(0, BATCH_MAX)
    this.#waiting = this.#waiting.slice(BATCH_MAX)
    this.#sending = this.#task
      .attempt(() => this.#send(batch))
      .then(() => {
        this.#sending = undefined
        if (this.#waiting.length >= BATCH_MAX) this.#flush()
        else if (this.#waiting.length > 0) this.#timer ??= this.#task.after(DELAY_MS, () => this.#flush())
      })
  }

  async #send(batch: readonly Item[]): Promise<void> {
    try {
      await this.#exporter.send(batch)
      this.#delivery.sent(batch.length)
    } catch (error) {
      this.#delivery.failed(batch.length, error)
    }
  }
}
